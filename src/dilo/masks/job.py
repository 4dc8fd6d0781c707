"""A job fills a store with maps from anywhere, part by part, and can be continued.

One job at a time writes into a store.
"""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dilo.errors import InputError, StoreError, shortened
from dilo.files import naming_folder
from dilo.folder import Names, walk
from dilo.locks import lock_folder
from dilo.masks.index import Index, Remaining
from dilo.masks.manifest import MANIFEST, Manifest, MethodError, first_errors
from dilo.masks.parts import check_name, digests
from dilo.masks.replaced import find_replaced
from dilo.masks.store import MaskStore
from dilo.masks.work import Engine, Task
from dilo.progress import Progress, format_rate, format_seconds, notify

# Confidence is fitted to the share of map and object that overlap; a map below this
# is more wrong than right.
LOW_CONFIDENCE = 0.3
FAILURES_SHOWN = 5
ERRORS_SHOWN = 3
PARTIAL = ".partial"  # the suffix of what `files.py` has not finished


@dataclass(frozen=True)
class MaskReport:
    """What became of the images of one call."""

    images: int  # found below the folder
    computed: int  # maps made by this call
    empty: int  # maps without foreground, of all that are there now
    doubtful: int  # maps of low confidence, of those that are not empty
    failures: dict[str, str]  # name -> reason
    seconds: float
    # What the method raised, other than that an image cannot be read: each once.
    errors: dict[str, MethodError] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """Count the maps that were there before."""
        return self.images - len(self.failures) - self.computed

    def summary(self) -> str:
        """Say what was done, what failed, and what to do about it."""
        rate = self.computed / max(self.seconds, 1e-9)
        maps = self.computed + self.kept
        lines = [
            f"{maps} of {self.images} images have a map: "
            f"{self.computed} made in {format_seconds(self.seconds)} "
            f"({format_rate(rate)} images/s), {self.kept} were there"
        ]
        for count, what in (
            (self.empty, "without foreground: flagged, they are never pasted"),
            (self.doubtful, "of low confidence"),
        ):
            if count:
                lines.append(f"{count} ({count / max(maps, 1):.1%}) {what}")
        if self.failures:
            lines.append(f"{len(self.failures)} failed and have no map:")
            shown = [f"{name}: {why}" for name, why in sorted(self.failures.items())]
            lines += [f"  {line}" for line in shortened(shown, FAILURES_SHOWN)]
            lines.append(
                f"All are listed in {MANIFEST}. Repair or remove them, then run again: "
                "only what is missing is computed."
            )
        if self.errors:
            lines.append(f"Errors of the method, all in {MANIFEST}:")
            shown = [
                f"{kind}, first at {error.image}:\n{error.traceback.rstrip()}"
                for kind, error in sorted(self.errors.items())
            ]
            lines += shortened(shown, ERRORS_SHOWN)
        return "\n".join(lines)


def fill_store(
    store: MaskStore,
    names: Names,
    task: Task,
    engine: Engine,
    failures: Mapping[str, str] | None = None,
    batch_size: int = 1,
) -> MaskReport:
    """Make the map of every image that the store does not hold.

    Args:
        store: where the maps go.
        names: all images, sorted.
        task: where the maps come from.
        engine: does the parts.
        failures: other images, which have no map in the first place, and why.
        batch_size: images that the engine does together; parts are not smaller.
    """
    start = time.monotonic()
    names, refused = _without_refused(names)
    failures = {**(failures or {}), **refused}
    with naming_folder(store.folder, StoreError), locked(store.folder):
        store.refresh()
        remaining = _find_remaining(store, task, names, batch_size)
        store.manifest.failures |= failures
        store.manifest.write(store.folder)  # so that the folder is known again
        try:
            computed = _do_parts(store.manifest, remaining, len(names), task, engine)
        finally:
            empty, doubtful = _save(store, names, failures)
    return MaskReport(
        images=len(names) + len(failures),
        computed=computed,
        empty=empty,
        doubtful=doubtful,
        failures=store.manifest.failures,
        seconds=time.monotonic() - start,
        errors=store.manifest.errors,
    )


def _without_refused(names: Names) -> tuple[Names, dict[str, str]]:
    """Take out the names that no map can have, each with the reason."""
    refused: dict[str, str] = {}
    for name in names:
        try:
            check_name(name)
        except InputError as error:
            refused[name] = str(error)
    if refused:
        names = Names(name for name in names if name not in refused)
    return names, refused


def _find_remaining(
    store: MaskStore, task: Task, names: Names, batch_size: int
) -> Remaining:
    """Clear away what is unfinished or damaged, and find what is left to do."""
    folder, manifest = store.folder, store.manifest
    _clean_up(folder)
    damaged: list[Path] = []
    index = Index(folder, manifest.layout, damaged)
    for path in damaged:  # made again, with the same number
        path.unlink()
    files = None
    if manifest.layout.format == "png":
        found = walk(folder, lambda name: name.endswith(".png"))
        files = digests(name.removesuffix(".png") for name in found)
    replaced = find_replaced(index, task.images) if task.photographs else ()
    remaining = Remaining(names, index, manifest.failures, files, replaced)
    manifest.grow_parts(len(remaining), batch_size)
    manifest.failures = {**index.failures, **manifest.failures}
    manifest.errors = {}  # their images are tried again
    return remaining


def _do_parts(
    manifest: Manifest, remaining: Remaining, total: int, task: Task, engine: Engine
) -> int:
    """Do all parts, note what fails, and return how many maps were made."""
    if not len(remaining):
        return 0
    computed, parts = 0, remaining.parts(manifest.part_size)
    with (
        Progress("masks", total, "images", total - len(remaining)) as progress,
        closing(engine(task, parts)) as results,
    ):
        for result in results:
            manifest.failures |= result.failures
            for kind in set(result.errors) - set(manifest.errors):
                image = result.errors[kind].image
                notify(f"the method fails at {image}: {kind}; going on")
            manifest.errors = first_errors(
                [*manifest.errors.items(), *result.errors.items()]
            )
            computed += result.computed
            progress.advance(result.images)
    return computed


def _save(
    store: MaskStore, names: Names, failures: Mapping[str, str]
) -> tuple[int, int]:
    """Save what is known; count the maps of the images that are empty or doubtful."""
    _clean_up(store.folder)
    manifest = store.manifest
    index = Index(store.folder, manifest.layout)
    empty = index.column("empty")
    doubtful = (index.column("confidence") < LOW_CONFIDENCE) & ~empty
    manifest.maps, manifest.empty = len(index), int(empty.sum())
    owners, wanted = digests(index.names(), len(index)), digests(names, len(names))
    # Images that have gone, or have a map by now, fail no more.
    noted = digests(manifest.failures)
    fail = np.isin(noted, wanted) & ~np.isin(noted, owners)
    manifest.failures = {
        name: why
        for (name, why), fails in zip(manifest.failures.items(), fail, strict=True)
        if fails or name in failures
    }
    manifest.write(store.folder)
    store.refresh()
    ours = np.isin(owners, wanted)
    return int(empty[ours].sum()), int(doubtful[ours].sum())


def _clean_up(folder: Path) -> None:
    """Delete the unfinished files of a killed job."""
    for name in walk(folder, lambda name: name[0] == "." and name.endswith(PARTIAL)):
        (folder / name).unlink(missing_ok=True)


def locked(folder: Path) -> AbstractContextManager[None]:
    """Keep other jobs from writing into a store; errors as of `lock_folder`."""
    return lock_folder(folder, StoreError, "another job is writing into this store")
