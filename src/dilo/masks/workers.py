"""Parts of a job, done by processes of which some may be killed."""

import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import Connection

import cv2

from dilo.allocator import keep_memory
from dilo.lifetime import end_with_parent
from dilo.masks.work import Part, PartResult, Results, Task, after_loss, do_part

Submit = Callable[[Part], "Future[PartResult]"]

_task: Task  # of a worker process


def run_pool(task: Task, parts: Iterable[Part], *, workers: int) -> Results:
    """Do the parts in so many processes; with one, in this process.

    A process that is killed takes the others with it. The parts at which they were are
    done again one by one, each in a process of its own, which has the whole memory.

    Raises:
        StoreError: workers are killed time and again while they work on no image.
    """
    waiting = iter(parts)
    if workers == 1:
        yield from (do_part(task, part) for part in waiting)
        return
    while lost := deque((yield from _run_until_loss(task, waiting, workers))):
        while lost:
            alone = iter([after_loss(task.folder, lost.popleft())])
            lost += yield from _run_until_loss(task, alone, 1)


def _run_until_loss(
    task: Task, parts: Iterator[Part], workers: int
) -> Generator[PartResult, None, list[Part]]:
    killed = (BrokenProcessPool,)
    with _pool(task, workers) as submit:
        return (yield from run_parts(parts, submit, lambda: workers, killed))


def run_parts(
    parts: Iterator[Part],
    submit: Submit,
    workers: Callable[[], int],
    killed: tuple[type[Exception], ...],
    *,
    go_on: bool = False,
) -> Generator[PartResult, None, list[Part]]:
    """Do parts until there are no more, or one is lost; return those that are lost.

    Args:
        parts: those to do.
        submit: puts a part in work.
        workers: gives the number of parts that may be in work.
        killed: what a part raises whose worker was killed: it is lost.
        go_on: take more parts after a loss too.
    """
    futures: dict[Future[PartResult], Part] = {}
    lost: list[Part] = []
    while True:
        free = 0 if lost and not go_on else workers() - len(futures)
        for part in islice(parts, max(0, free)):
            try:
                futures[submit(part)] = part
            except killed:
                lost.append(part)
        if not futures:
            return lost
        for future in wait(futures, return_when=FIRST_COMPLETED).done:
            part = futures.pop(future)
            try:
                yield future.result()
            except killed:
                lost.append(part)


def prepare_worker() -> None:
    """Make a worker process use one thread."""
    keep_memory()
    cv2.setNumThreads(0)
    if "numba" in sys.modules:  # else the method does not use it
        sys.modules["numba"].set_num_threads(1)


@contextmanager
def _pool(task: Task, workers: int) -> Iterator[Submit]:
    """Start processes, and end them at once if the job ends before its parts."""
    # Forked processes inherit the task (a method may be a closure, which cannot be
    # pickled) and the compiled kernels.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else None)
    ended, end = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, _begin, (task, ended))
    with ended, end, pool as executor:
        try:
            yield lambda part: executor.submit(_do_part, part)
        except BaseException:  # Ctrl-C, say
            end.send_bytes(b"end")  # seen by all
            raise


def _begin(task: Task, ended: Connection) -> None:
    """Begin the life of a worker process."""
    global _task
    _task = task
    # Ctrl-C reaches the whole process group; the parent alone decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_worker()
    end_with_parent(ended)


def _do_part(part: Part) -> PartResult:
    return do_part(_task, part)
