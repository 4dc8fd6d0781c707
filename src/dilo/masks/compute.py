"""Fill a mask store: every image of a folder through a saliency method, in parallel."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dilo.errors import InputError, StoreError
from dilo.folder import list_images
from dilo.image import Map
from dilo.masks.manifest import stem
from dilo.masks.store import MaskStore
from dilo.masks.workers import Job, Outcomes, default_workers, run_parallel, run_serial
from dilo.progress import Progress, format_rate, format_seconds

# The manifest of a million images takes a second to write: save it now and then, and
# never so often that it costs more than a twentieth of the time.
SECONDS_BETWEEN_SAVES = 10.0
SAVE_SHARE = 0.05

FAILURES_SHOWN = 5


@dataclass(frozen=True)
class MaskReport:
    """What became of the images of one call of `compute_masks`."""

    images: int  # found below the folder
    computed: int  # maps made by this call
    kept: int  # maps that were there before
    empty: int  # maps without foreground, of all that are there now
    failures: dict[str, str]  # name -> reason
    seconds: float

    def summary(self) -> str:
        """Tell a person what was done, what failed, and what to do about it."""
        rate = self.computed / max(self.seconds, 1e-9)
        lines = [
            f"{self.computed + self.kept} of {self.images} images have a map: "
            f"{self.computed} made in {format_seconds(self.seconds)} "
            f"({format_rate(rate)} images/s), {self.kept} were there"
        ]
        if self.empty:
            lines.append(
                f"{self.empty} without foreground: flagged, they are never pasted"
            )
        if self.failures:
            lines.append(f"{len(self.failures)} failed and have no map:")
            shown = sorted(self.failures.items())[:FAILURES_SHOWN]
            lines += [f"  {name}: {reason}" for name, reason in shown]
            if len(self.failures) > len(shown):
                lines.append(f"  and {len(self.failures) - len(shown)} more")
            lines.append(
                "All are listed in masks.json. Repair or remove them, then run again: "
                "only what is missing is computed."
            )
        return "\n".join(lines)


def compute_masks(
    images: Path,
    store: MaskStore,
    estimate: Callable[[Path], Map],
    workers: int | None = None,
    confidence: Callable[[Map], float] | None = None,
) -> MaskReport:
    """Compute the map of every image below a folder that the store does not hold.

    Images that fail are named in the store and tried again by the next call. An
    interrupted call loses nothing: the next one goes on where it stopped.

    Args:
        images: folder of images, at any depth.
        store: where the maps go; see `MaskStore.create`.
        estimate: file of an image -> Map of the upright image's height and width.
        workers: processes, each on one thread; the usable CPU cores by default. With
            1 everything runs in the calling process.
        confidence: Map -> how much it can be trusted, in [0, 1].

    Raises:
        InputError: there are no images, the store lies among them, or `workers` < 1.
        StoreError: a map cannot be written, or worker processes were killed time and
            again; what was computed is kept.
    """
    images = Path(images)
    workers = _check_workers(workers)
    _check_apart(images, store.folder)
    names = list_images(images)
    todo, duplicates = _plan(names, store)
    for name in set(store.failures).difference(names):  # removed since the last call
        store.forget_failure(name)
    for name, owner in duplicates.items():
        store.record_failure(name, f"its map would overwrite that of {owner}")
    job = Job(images, store, estimate)
    start = time.monotonic()
    try:
        store.save()  # first, so that a folder of an interrupted call is known again
        run = (
            run_serial(job, todo) if workers == 1 else run_parallel(job, todo, workers)
        )
        computed = _collect(store, run, len(names) - len(duplicates), len(todo))
    except OSError as error:
        raise StoreError(
            f"{store.folder}: cannot write: {error.strerror}; the maps written so far "
            f"are kept: make room or give access, then run again to go on"
        ) from error
    failures = store.failures
    if len(failures) == len(names):
        raise StoreError(
            f"{images}: none of {len(names)} images gave a map; the first, {names[0]}: "
            f"{failures[names[0]]}"
        )
    return MaskReport(
        images=len(names),
        computed=computed,
        kept=len(names) - len(failures) - computed,
        empty=len(store.empty_names().intersection(names)),
        failures=failures,
        seconds=time.monotonic() - start,
    )


def _collect(store: MaskStore, outcomes: Outcomes, total: int, todo: int) -> int:
    """Record outcomes as they come and return how many maps were made."""
    computed = 0
    next_save = time.monotonic() + SECONDS_BETWEEN_SAVES
    try:
        with (
            closing(outcomes),
            Progress("masks", total, "images", done=total - todo) as progress,
        ):
            for outcome in outcomes:
                if outcome.failure is None:
                    store.record(outcome.name, empty=outcome.empty)
                    computed += 1
                else:
                    store.record_failure(outcome.name, outcome.failure)
                progress.advance()
                if time.monotonic() >= next_save:
                    next_save = _timed_save(store)
    finally:
        store.save()
    return computed


def _timed_save(store: MaskStore) -> float:
    """Save the manifest and return the time of the next save."""
    start = time.monotonic()
    store.save()
    end = time.monotonic()
    return end + max(SECONDS_BETWEEN_SAVES, (end - start) / SAVE_SHARE)


def _plan(names: Sequence[str], store: MaskStore) -> tuple[list[str], dict[str, str]]:
    """Split off what has a map, and names whose map would overwrite another's.

    Returns:
        The names to compute, and {name: owner of its map's file} of the duplicates.
    """
    held = set(store.names())
    # An image that has its map keeps it, even if one that sorts before it came later.
    owners = {stem(name): name for name in names if name in held}
    todo: list[str] = []
    duplicates: dict[str, str] = {}
    for name in names:
        owner = owners.setdefault(stem(name), name)
        if owner != name:
            duplicates[name] = owner
        elif name not in held or not store.path(name).is_file():
            todo.append(name)
    return todo, duplicates


def _check_workers(workers: int | None) -> int:
    if workers is None:
        return default_workers()
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    return workers


def _check_apart(images: Path, folder: Path) -> None:
    """Maps below the images would be taken for images by the next call."""
    if folder.resolve().is_relative_to(images.resolve()):
        raise InputError(
            f"{folder}: lies within the folder of images {images}; "
            f"give a folder outside it for the maps"
        )
