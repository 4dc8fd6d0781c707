"""Batches of any map-style data set, by workers or not, and the wait for them."""

import atexit
import functools
import logging
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from dilo.data.sampler import Sample
from dilo.errors import DiloError, RunError
from dilo.training.preemption import SIGNALS
from dilo.training.task import Batch
from dilo.workers import keep_memory

# A forked worker shares the images that are kept in memory; one that starts afresh, as
# it would below a spawned process, gets a copy of them all. Other systems cannot fork
# safely.
START_METHOD = "fork" if sys.platform == "linux" else None

# Share of images that may fail: what stands in for them distorts the training.
MOST_FAILED = 0.25

_log = logging.getLogger("dilo")

Failures = dict[str, str]  # name of an image or another file -> what is wrong with it


class MapDataset(Protocol):
    """What a training reads: items by (epoch, index), the same whenever asked for.

    It may have a method `take_failures() -> Failures`, of files other than the images
    that failed since it was last called; and `item_bytes`, the size of an item, so that
    the room for those of workers is checked.
    """

    @property
    def names(self) -> Sequence[str]:
        """The names of the images, for messages."""
        ...

    def __getitem__(self, sample: Sample, /) -> tuple[Any, ...]:
        """Give arrays, tensors or numbers; raise DiloError if an image is unusable."""
        ...


class Loader:
    """Give the batches from a step to the end; remember what could not be read."""

    def __init__(
        self,
        dataset: MapDataset,
        sampler: Callable[[int], Iterable[list[Sample]]],
        workers: int = 0,
        collate: Callable[[list[Any]], Batch] = default_collate,
    ) -> None:
        """Read what `sampler(first_step)` says, in `workers` processes.

        Args:
            dataset: of the items.
            sampler: gives the samples of each batch from a step on.
            workers: 0 reads in this process.
            collate: makes a batch of items.
        """
        self.dataset = dataset
        self.sampler = sampler
        self.workers = workers
        self.collate = collate
        self.failures: Failures = {}

    def __call__(self, first_step: int) -> Iterator[Batch]:
        """Yield the batches from `first_step` on.

        The first readable item of a batch stands in for each that fails, which is
        logged, so that all processes keep the same number of images, as gathering
        needs it.

        Raises:
            RunError: not a single image of a batch can be read, or more than
                `MOST_FAILED` of all images cannot.
        """
        unusable: Failures = {}
        for batch, failures, others in self._batches(first_step):
            for name in failures.keys() - self.failures.keys():
                _log.warning("%s (another image stands in for it)", failures[name])
            unusable |= failures
            self.failures |= failures | others
            if batch is None:
                raise RunError(
                    "not one image of a batch can be read: "
                    + "; ".join(failures.values())
                )
            if len(unusable) > MOST_FAILED * len(self.dataset.names):
                raise RunError(
                    f"{len(unusable)} of {len(self.dataset.names)} images cannot be "
                    f"used, more than {MOST_FAILED:.0%}, such as "
                    f"{next(iter(unusable.values()))}; repair or remove them"
                )
            yield batch

    def _batches(
        self, first_step: int
    ) -> Iterator[tuple[Batch | None, Failures, Failures]]:
        loader = DataLoader(
            _WholeBatches(self.dataset, self.collate),
            batch_sampler=self.sampler(first_step),
            num_workers=self.workers,
            collate_fn=_unchanged,
            # Else copying a batch to a GPU waits until this has done the last one.
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=start_worker,
            multiprocessing_context=START_METHOD if self.workers else None,
        )
        others = set(multiprocessing.active_children())
        iterator = iter(loader)
        workers = set(multiprocessing.active_children()) - others
        # An error may keep the iterator alive until the process exits. Python would
        # then send the workers a signal that they ignore, and wait for ever.
        kill = functools.partial(_kill, workers)
        atexit.register(kill)
        try:
            yield from iterator
        finally:
            del iterator  # ends the workers, but not if its own error holds it
            if not any(worker.is_alive() for worker in workers):
                atexit.unregister(kill)


class _WholeBatches(Dataset[Any]):
    """Read batch by batch, so that one bad image does not end a batch."""

    def __init__(
        self, dataset: MapDataset, collate: Callable[[list[Any]], Batch]
    ) -> None:
        self.dataset = dataset
        self.collate = collate

    def __getitems__(
        self, samples: Sequence[Sample]
    ) -> tuple[Batch | None, Failures, Failures]:
        """Give a batch, if an item of it can be read; what failed; and other files."""
        items: list[Any] = []
        failures: Failures = {}
        for sample in samples:
            try:
                items.append(self.dataset[sample])
            except DiloError as error:
                failures[self.dataset.names[sample[1]]] = str(error)
        others: Failures = getattr(self.dataset, "take_failures", dict)()
        if not items:
            return None, failures, others
        items += items[:1] * (len(samples) - len(items))
        # In the worker: tensors come by shared memory, at a tenth of the work.
        return self.collate(items), failures, others


def _unchanged(batch: Any) -> Any:
    return batch


def _kill(workers: Iterable[BaseProcess]) -> None:
    for worker in workers:
        worker.kill()


def start_worker(worker: int) -> None:
    """Keep OpenCV from starting threads in a worker, and leave signals to the training.

    A scheduler signals all processes of a job; the training goes on for a moment then,
    to save what it has, and needs its workers.
    """
    keep_memory()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


Item = TypeVar("Item")

LIMIT = 0.25  # of the time; a little waiting is cheaper than more workers
# Before that, caches are cold and the first batches are still made.
ENOUGH_SECONDS, ENOUGH_STEPS = 10.0, 20


class Waiting:
    """Measure the time that goes by until the next batch is there.

    That time alone tells, on a GPU too, which computes meanwhile: where it is the
    slower one, the processor is held up within the step, and the batch lies ready.
    """

    def __init__(self) -> None:
        self.seconds = 0.0  # since it was last taken

    def over(self, batches: Iterable[Item]) -> Iterator[Item]:
        """Yield the batches; the first, for which workers are started, is free."""
        iterator = iter(batches)
        start = None
        while True:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            if start is not None:
                self.seconds += time.perf_counter() - start
            yield batch
            start = time.perf_counter()

    def take(self) -> float:
        """Give the seconds since they were last taken."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


def waited(metrics: Sequence[Mapping[str, Any]]) -> float:
    """Sum up the waiting, in seconds, of the lines of a metrics.jsonl.

    Lines need `seconds` (since the start) and `waiting` (share of the time since the
    line before).
    """
    total, before = 0.0, 0.0
    for line in metrics:
        total += line.get("waiting", 0.0) * (line["seconds"] - before)
        before = line["seconds"]
    return total


def loader_warning(waited: float, seconds: float, steps: int) -> str | None:
    """Say that the loader is the limit, where much of the seconds was waited away."""
    if seconds < ENOUGH_SECONDS or steps < ENOUGH_STEPS or waited < LIMIT * seconds:
        return None
    return (
        f"the loader is the limit: {waited / seconds:.0%} of the time goes by waiting "
        "for images; use more workers (--workers) where there are cores, or keep the "
        "images in memory, reduced (--cache-size)"
    )
