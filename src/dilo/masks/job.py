"""A job fills a store with maps from anywhere, part by part, and can be continued."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress

import numpy as np

from dilo.errors import InputError, StoreError
from dilo.folder import Names
from dilo.masks.engine import Results
from dilo.masks.index import Index, read_sound_parts
from dilo.masks.lock import locked
from dilo.masks.manifest import merged_errors
from dilo.masks.naming import digests
from dilo.masks.remaining import Remaining, clean_up, find_remaining, present_files
from dilo.masks.report import MaskReport
from dilo.masks.store import MaskStore
from dilo.masks.work import MapSource, Part, PartResult, Task
from dilo.progress import Progress, notify

# Confidence is fitted to the share of map and object that overlap; a map below this
# is more wrong than right.
LOW_CONFIDENCE = 0.3

# Does the parts of a job: here, in processes, or on other machines.
Engine = Callable[[Task, Iterable[Part]], Results]


def fill_store(
    store: MaskStore,
    names: Names,
    source: MapSource,
    engine: Engine,
    failures: Mapping[str, str] | None = None,
    batch_size: int = 1,
) -> MaskReport:
    """Make the map of every image that the store does not hold.

    Args:
        store: where the maps go.
        names: all images, sorted.
        source: where the maps come from.
        engine: does the parts, as `engine.run_serial` does.
        failures: other images, which have no map in the first place, and why.
        batch_size: images that the engine does together; parts are not smaller.

    Raises:
        StoreError: another job fills the store, nothing can be written, or workers
            are killed time and again; what was made is kept.
    """
    start = time.monotonic()
    try:
        with locked(store.folder):
            store.refresh()
            job = _Job(store, names, failures or {}, batch_size)
            computed = job.run(Task(source, store.folder, job.manifest.layout), engine)
            return job.finish(computed, start)
    except OSError as error:
        raise StoreError(
            f"{store.folder}: cannot write: {error.strerror or error}; make room or "
            f"give access, then run again to go on"
        ) from error


class _Job:
    """A job on a store that is locked."""

    def __init__(
        self,
        store: MaskStore,
        names: Names,
        failures: Mapping[str, str],
        batch_size: int,
    ) -> None:
        self.store = store
        self.names = names
        self.manifest = store.manifest
        self.failed_before = failures
        self.remaining = self._find_remaining(batch_size)

    def _find_remaining(self, batch_size: int) -> Remaining:
        folder, manifest = self.store.folder, self.manifest
        clean_up(folder)
        index, damaged = read_sound_parts(folder, manifest.layout)
        for path in damaged:  # made again, with the same number
            path.unlink()
        of_parts = {
            name: why for part in index.parts for name, why in part.failures.items()
        }
        known = {**of_parts, **manifest.failures}
        files = present_files(folder) if manifest.layout.format == "png" else None
        remaining = find_remaining(self.names, index, known, files)
        manifest.grow_parts(len(remaining), batch_size)
        remaining.part_size = manifest.part_size
        manifest.failures = {**known, **self.failed_before, **remaining.refused}
        manifest.errors = {}  # their images are tried again
        return remaining

    def run(self, task: Task, engine: Engine) -> int:
        """Do all parts and return how many maps were made."""
        todo = len(self.remaining)
        done = len(self.names) - len(self.remaining.refused) - todo
        self.manifest.write(self.store.folder)  # so that the folder is known again
        if todo == 0:
            return 0
        computed = 0
        try:
            with (
                Progress("masks", done + todo, "images", done) as progress,
                closing(engine(task, self.remaining.parts())) as results,
            ):
                for result in results:
                    self._record(result)
                    computed += result.computed
                    progress.advance(result.images)
        except BaseException:
            self._save()
            raise
        return computed

    def _record(self, result: PartResult) -> None:
        manifest = self.manifest
        manifest.failures.update(result.failures)
        for kind in set(result.errors) - set(manifest.errors):
            notify(f"the method fails at {result.errors[kind].image}: {kind}; going on")
        manifest.errors = merged_errors([manifest.errors, result.errors])

    def _save(self) -> Index:
        """Count what is there, and save what is known."""
        clean_up(self.store.folder)
        manifest = self.manifest
        index = Index.read(self.store.folder, manifest.layout)
        manifest.maps = len(index)
        manifest.empty = int(index.empty().sum())
        manifest.failures = self._still_failing(index)
        manifest.write(self.store.folder)
        self.store.refresh()
        return index

    def finish(self, computed: int, start: float) -> MaskReport:
        """Save what is known, and sum up the images of this job."""
        index = self._save()
        ours = np.isin(digests(index.names(), len(index)), digests(self.names))
        empty = index.empty()[ours]
        doubtful = index.confidences()[ours] < LOW_CONFIDENCE
        return MaskReport(
            images=len(self.names) + len(self.failed_before),
            computed=computed,
            empty=int(empty.sum()),
            doubtful=int((doubtful & ~empty).sum()),
            failures=dict(self.manifest.failures),
            seconds=time.monotonic() - start,
            errors=dict(self.manifest.errors),
        )

    def _still_failing(self, index: Index) -> dict[str, str]:
        """Leave out the failures of images that have gone, or have a map by now."""
        failures = dict(self.manifest.failures)
        there = np.isin(digests(failures), digests(self.names if failures else ()))
        for name, known in zip(self.manifest.failures, there, strict=True):
            with suppress(InputError):  # a name that no map can have
                gone = not known and name not in self.failed_before
                if gone or index.holds(name):
                    del failures[name]
        return failures
