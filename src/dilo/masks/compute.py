"""Fill a mask store: every image of a folder through a saliency method, in parallel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from dilo.errors import InputError, StoreError
from dilo.folder import scan_images
from dilo.image import Map
from dilo.masks.fill import Filled, Run, fill
from dilo.masks.ray_engine import import_ray, run_ray
from dilo.masks.store import MaskStore
from dilo.masks.work import FromImages
from dilo.masks.workers import default_workers, run_local
from dilo.progress import format_rate, format_seconds

FAILURES_SHOWN = 5

Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class MaskReport:
    """What became of the images of one call."""

    images: int  # found below the folder
    computed: int  # maps made by this call
    kept: int  # maps that were there before
    empty: int  # maps without foreground, of all that are there now
    doubtful: int  # maps of low confidence, of those that are not empty
    failures: dict[str, str]  # name -> reason
    seconds: float

    @classmethod
    def of(cls, filled: Filled) -> "MaskReport":
        """Report what `fill` gave."""
        return cls(
            images=filled.images,
            computed=filled.computed,
            kept=filled.images - len(filled.failures) - filled.computed,
            empty=filled.empty,
            doubtful=filled.doubtful,
            failures=filled.failures,
            seconds=filled.seconds,
        )

    def summary(self) -> str:
        """Tell a person what was done, what failed, and what to do about it."""
        rate = self.computed / max(self.seconds, 1e-9)
        maps = self.computed + self.kept
        lines = [
            f"{maps} of {self.images} images have a map: "
            f"{self.computed} made in {format_seconds(self.seconds)} "
            f"({format_rate(rate)} images/s), {self.kept} were there"
        ]
        if self.empty:
            share = self.empty / max(maps, 1)
            lines.append(
                f"{self.empty} ({share:.1%}) without foreground: flagged, they are "
                f"never pasted"
            )
        if self.doubtful:
            share = self.doubtful / max(maps, 1)
            lines.append(f"{self.doubtful} ({share:.1%}) of low confidence")
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
    engine: Engine = "local",
) -> MaskReport:
    """Compute the map of every image below a folder that the store does not hold.

    Images that fail are named in the store and tried again by the next call. An
    interrupted or killed call loses at most the part that each worker was at: the next
    one goes on where it stopped, and the store becomes that of an undisturbed call.

    Args:
        images: folder of images, at any depth.
        store: where the maps go; see `MaskStore.create`.
        estimate: file of an image -> Map of the upright image's height and width.
        workers: processes, each on one thread; the usable CPU cores by default. With
            1 everything runs in the calling process.
        confidence: Map -> how much it can be trusted, in [0, 1]; NaN is kept without.
        engine: local, or ray: the cluster that the variable RAY_ADDRESS names, whose
            machines share the folders, or one on this machine. `workers` is then the
            number of processes at work at a time, all of the cluster by default.

    Raises:
        InputError: there are no images, the store lies among them, `workers` < 1, or
            there is no such engine, no Ray or no cluster.
        StoreError: another job writes into the store, a map cannot be written, or
            worker processes were killed time and again; what was computed is kept.
    """
    images = Path(images)
    run = _choose_engine(engine, workers)
    _check_apart(images, store.folder)
    names = scan_images(images)
    # Absolute: another process may have another current folder.
    source = FromImages(images.absolute(), estimate, confidence)
    filled = fill(store, names, source, run)
    failures = filled.failures
    if len(failures) == len(names):
        raise StoreError(
            f"{images}: none of {len(names)} images gave a map; the first, {names[0]}: "
            f"{failures[names[0]]}"
        )
    return MaskReport.of(filled)


def check_workers(workers: int | None) -> int:
    """Give a number of processes.

    Raises:
        InputError: it is less than 1.
    """
    if workers is None:
        return default_workers()
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    return workers


def _choose_engine(engine: Engine, workers: int | None) -> Run:
    """Give what does the parts, or complain before anything is written."""
    if engine not in get_args(Engine):
        choices = ", ".join(get_args(Engine))
        raise InputError(f"engine must be one of {choices}, got {engine!r}")
    usual = check_workers(workers)
    if engine == "local":
        return partial(run_local, workers=usual)
    import_ray()
    return partial(run_ray, workers=workers)


def _check_apart(images: Path, folder: Path) -> None:
    """Maps below the images would be taken for images by the next call."""
    if folder.resolve().is_relative_to(images.resolve()):
        raise InputError(
            f"{folder}: lies within the folder of images {images}; "
            f"give a folder outside it for the maps"
        )
