"""Fill a store with maps from anywhere, part by part, so that it can be continued."""

import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dilo.errors import InputError, StoreError
from dilo.folder import Names
from dilo.masks.index import Index, read_sound_parts
from dilo.masks.lock import locked
from dilo.masks.manifest import Manifest
from dilo.masks.naming import digests, stem
from dilo.masks.plan import Plan, clean_up, make_plan, present_files
from dilo.masks.store import MaskStore
from dilo.masks.work import Part, PartResult, Source, Task, png_path
from dilo.masks.workers import Results, Tick
from dilo.progress import Progress

# Failures are also in the parts: the manifest is saved now and then for who looks at a
# store that is being made, and never so often that it costs a twentieth of the time.
SECONDS_BETWEEN_SAVES = 10.0
SAVE_SHARE = 0.05

# Confidence is fitted to the share of map and object that overlap; a map below this
# is more wrong than right.
LOW_CONFIDENCE = 0.3


class Run(Protocol):
    """Does the parts of a job: here, in processes, or on other machines."""

    def __call__(self, task: Task, parts: Iterable[Part], *, tick: Tick) -> Results:
        """Yield the results of parts; tell `tick` how many images are done."""
        ...


@dataclass(frozen=True)
class Filled:
    """What became of the images of a job."""

    images: int
    computed: int  # maps made by this call
    empty: int  # maps without foreground, of all that are there now
    doubtful: int  # maps of low confidence, of those that are not empty
    failures: dict[str, str]  # name -> reason
    seconds: float


def fill(
    store: MaskStore,
    names: Names,
    source: Source,
    run: Run,
    failures: Mapping[str, str] | None = None,
) -> Filled:
    """Make the map of every image that the store does not hold.

    Args:
        store: where the maps go.
        names: all images, sorted.
        source: where the maps come from.
        run: does the parts, as `workers.run_local` does.
        failures: other images, which have no map in the first place, and why.

    Raises:
        StoreError: another job fills the store, nothing can be written, or workers
            are killed time and again; what was made is kept.
    """
    start = time.monotonic()
    try:
        with locked(store.folder):
            store.refresh()
            job = _Job(store, names, source, failures or {})
            computed = job.run(run)
            return job.report(computed, time.monotonic() - start)
    except OSError as error:
        raise StoreError(
            f"{store.folder}: cannot write: {error.strerror}; the maps written so far "
            f"are kept: make room or give access, then run again to go on"
        ) from error


class _Job:
    """A job on a store that is locked."""

    def __init__(
        self,
        store: MaskStore,
        names: Names,
        source: Source,
        failures: Mapping[str, str],
    ) -> None:
        self.store = store
        self.names = names
        self.task = Task(source, store.folder, store.manifest.layout)
        self.manifest = _upgrade(store, names)
        self.failed_before = len(failures)
        self.plan = self._plan(failures)

    def _plan(self, failures: Mapping[str, str]) -> Plan:
        folder, layout = self.store.folder, self.manifest.layout
        clean_up(folder)
        index, damaged = read_sound_parts(folder, layout)
        for path in damaged:  # made again, with the same number
            path.unlink()
        of_parts = {
            name: why for part in index.parts for name, why in part.failures.items()
        }
        known = _those_of(self.names, {**of_parts, **self.manifest.failures})
        files = present_files(folder) if layout.format == "png" else None
        plan = make_plan(self.names, index, known, self.manifest.part_size, files)
        self.manifest.grow_parts(len(plan.new) + len(plan.late))
        plan.part_size = self.manifest.part_size
        # An image that has a map in a part has not failed, whatever was known.
        known = _without_map(index, known)
        self.manifest.failures = {**known, **failures, **plan.refused}
        return plan

    def run(self, run: Run) -> int:
        """Do all parts and return how many maps were made."""
        plan = self.plan
        total = max(len(self.names) - len(plan.refused), plan.todo)
        self.manifest.write(self.store.folder)  # so that the folder is known again
        try:
            with Progress("masks", total, "images", done=total - plan.todo) as progress:
                before = progress.done

                def tick(done: int) -> None:
                    progress.advance(before + done - progress.done)

                return self._collect(run(self.task, plan.parts(), tick=tick))
        finally:
            clean_up(self.store.folder)
            self._save()

    def _collect(self, results: Results) -> int:
        computed = 0
        next_save = time.monotonic() + SECONDS_BETWEEN_SAVES
        with closing(results):
            for result in results:
                self._record(result)
                computed += result.computed
                if time.monotonic() >= next_save:
                    start = time.monotonic()
                    self.manifest.write(self.store.folder)
                    end = time.monotonic()
                    pause = (end - start) / SAVE_SHARE
                    next_save = end + max(SECONDS_BETWEEN_SAVES, pause)
        return computed

    def _record(self, result: PartResult) -> None:
        self.manifest.maps += result.maps
        self.manifest.empty += result.empty
        self.manifest.failures.update(_those_of(self.names, result.failures))

    def _save(self) -> None:
        """Count anew, and save what is known now."""
        index = Index.read(self.store.folder, self.manifest.layout)
        self.manifest.maps = len(index)
        self.manifest.empty = int(index.empty().sum())
        self.manifest.failures = _without_map(index, self.manifest.failures)
        self.manifest.write(self.store.folder)
        self.store.refresh()

    def report(self, computed: int, seconds: float) -> Filled:
        """Sum up what is there now of the images of this job."""
        index = Index.read(self.store.folder, self.manifest.layout)
        ours = np.isin(digests(index.names(), len(index)), digests(self.names))
        empty = index.empty()[ours]
        doubtful = index.confidences()[ours] < LOW_CONFIDENCE
        return Filled(
            images=len(self.names) + self.failed_before,
            computed=computed,
            empty=int(empty.sum()),
            doubtful=int((doubtful & ~empty).sum()),
            failures=dict(self.manifest.failures),
            seconds=seconds,
        )


def _those_of(names: Names, failures: Mapping[str, str]) -> dict[str, str]:
    """Leave out the failures of images that have been removed."""
    if not failures:
        return {}
    there = np.isin(digests(failures), digests(names))
    pairs = zip(failures.items(), there, strict=True)
    return {name: why for (name, why), known in pairs if known}


def _without_map(index: Index, failures: Mapping[str, str]) -> dict[str, str]:
    """Leave out the failures of images that have a map by now."""
    left = dict(failures)
    for name in failures:
        with suppress(InputError):  # a name that no map can have
            place = index.find(name)
            if place is not None and place.part.name(place.row) == name:
                del left[name]  # else the map is that of a namesake
    return left


def _upgrade(store: MaskStore, names: Names) -> Manifest:
    """Bring a store of the first format, which listed its maps, to the present one.

    The PNG files that belong to images which are still there become parts without
    being computed again; the others are no longer in the store.
    """
    manifest = store.manifest
    if manifest.listed is None:
        return manifest
    gone = manifest.listed - set(names)
    stems = {stem(name) for name in names}
    for name in gone:
        if stem(name) in stems:  # else it would be taken for the map of its namesake
            png_path(store.folder, name).unlink(missing_ok=True)
    return manifest.without_list()
