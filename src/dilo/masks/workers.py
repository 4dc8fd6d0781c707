"""Images through a method, here or in worker processes that may be killed."""

import errno
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dilo.errors import DiloError, ImageError, InputError
from dilo.image import Map, encode_image, read_map, read_size
from dilo.lifetime import end_with_parent
from dilo.masks.store import MaskStore, has_foreground

# Large enough that handing over costs little beside a method of some milliseconds,
# small enough that an interrupt does not wait for long.
CHUNK = 8

# What a method may raise on an odd image; anything else is a bug and ends the job.
_IMAGE_ERRORS = (DiloError, ValueError, ArithmeticError, MemoryError)

# Failures to write that only concern one name; any other (disk full, no permission)
# would meet all images and ends the job.
_NAME_ERRORS = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}


class Outcome(NamedTuple):
    """What became of one image: a map, or the reason why there is none."""

    name: str
    empty: bool = False
    failure: str | None = None


Outcomes = Generator[Outcome, None, None]


@dataclass(frozen=True)
class Job:
    """What is done with every image."""

    images: Path
    store: MaskStore
    estimate: Callable[[Path], Map]

    def __call__(self, name: str) -> Outcome:
        """Make sure that the file of a map is there; a map written before is taken.

        Raises:
            OSError: no map can be written, of whatever image.
        """
        try:
            saliency = self._written(name)
            if saliency is None:
                saliency = self._estimate(name)
                self.store.write(name, saliency)
        except _IMAGE_ERRORS as error:
            reason = str(error).removeprefix(f"{self.images / name}: ")
            return Outcome(name, failure=reason or type(error).__name__)
        except OSError as error:
            if error.errno in _NAME_ERRORS:
                return Outcome(name, failure=f"no file can have this name ({error})")
            raise
        return Outcome(name, empty=not has_foreground(saliency))

    def _written(self, name: str) -> Map | None:
        """Read a map that a killed job wrote but could not record."""
        path = self.store.path(name)
        if path.is_file() and self.store.owner(name) is None:
            with suppress(ImageError):
                return read_map(path)
        return None

    def _estimate(self, name: str) -> Map:
        saliency = self.estimate(self.images / name)
        shape = read_size(self.images / name)
        if saliency.shape != shape:
            raise InputError(
                f"the method gave a map of shape {saliency.shape} for an image of "
                f"shape {shape}"
            )
        return saliency


def default_workers() -> int:
    """Count the CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_serial(job: Job, names: Sequence[str]) -> Outcomes:
    """Do the job in this process."""
    for name in names:
        yield job(name)


def run_parallel(job: Job, names: Sequence[str], workers: int) -> Outcomes:
    """Do the job in worker processes; outcomes come in no fixed order.

    When a worker is killed, each image that was in work is tried again by itself: the
    one that kills its worker again (too large for the memory, say) is a named failure.
    """
    if not names:
        return
    _warm(job.estimate)
    starts = range(0, len(names), CHUNK)
    chunks = (tuple(names[start : start + CHUNK]) for start in starts)
    suspects: list[str] = []
    while True:
        with _Pool(job, workers) as pool:
            suspects = yield from _feed(pool, chunks, limit=2 * workers + 2)
        if not suspects:
            return
        yield from (_alone(job, name) for name in suspects)


def _feed(
    pool: ProcessPoolExecutor, chunks: Iterator[tuple[str, ...]], limit: int
) -> Generator[Outcome, None, list[str]]:
    """Keep `limit` chunks in work; return the names in work when a worker died."""
    in_work: set[tuple[str, ...]] = set()
    futures: dict[Future[list[Outcome]], tuple[str, ...]] = {}
    try:
        while True:
            for chunk in islice(chunks, limit - len(in_work)):
                in_work.add(chunk)
                futures[pool.submit(_run_chunk, chunk)] = chunk
            if not futures:
                return []
            for future in wait(futures, return_when=FIRST_COMPLETED).done:
                yield from future.result()
                in_work.remove(futures.pop(future))
    except BrokenProcessPool:
        return [name for chunk in sorted(in_work) for name in chunk]


def _alone(job: Job, name: str) -> Outcome:
    """Do the job on one image in a process of its own."""
    try:
        with _Pool(job, workers=1) as pool:
            return pool.submit(_run_chunk, (name,)).result()[0]
    except BrokenProcessPool:
        return Outcome(name, failure="its process was killed; is the memory too small?")


def _warm(estimate: Callable[[Path], Map]) -> None:
    """Compile the kernels before forking, so that not every worker has to."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.png"
        path.write_bytes(encode_image(noise))
        with suppress(*_IMAGE_ERRORS):  # too small for the method: it warms up later
            estimate(path)


class _Pool(ProcessPoolExecutor):
    """Worker processes that know the job; leaving it early drops what waits."""

    def __init__(self, job: Job, workers: int) -> None:
        # Forked workers inherit the job (a method may be a closure, which cannot be
        # pickled) and the compiled kernels.
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("fork" if "fork" in methods else None)
        super().__init__(workers, context, initializer=_start, initargs=(job,))

    def __exit__(self, *_: object) -> None:
        self.shutdown(wait=True, cancel_futures=True)


_job: Job  # of this worker process


def _start(job: Job) -> None:
    """Set up a worker process: one thread, and no life without the parent."""
    global _job
    _job = job
    # Ctrl-C reaches the whole process group; the parent alone decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(0)
    if "numba" in sys.modules:  # else the method does not use it
        sys.modules["numba"].set_num_threads(1)
    end_with_parent()


def _run_chunk(names: Sequence[str]) -> list[Outcome]:
    return [_job(name) for name in names]
