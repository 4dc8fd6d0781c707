"""Parts of a job, done by processes of which some may be killed: here, or by Ray.

The machines of a Ray cluster must see the images and the store under the same paths,
by a shared file system, and have the same version of dilo.
"""

import multiprocessing
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any

import cv2

from dilo.errors import InputError
from dilo.masks.work import Part, PartResult, Results, Task, after_loss, do_part
from dilo.workers import end_with_parent, keep_memory

ADDRESS = "RAY_ADDRESS"
STORE_BYTES = 80 * 2**20  # the least that Ray takes; results are a few numbers
SECONDS_TO_CONNECT = 10.0

Submit = Callable[[Part], "Future[PartResult]"]

_task: Task  # of a worker process


def run_pool(task: Task, parts: Iterable[Part], *, workers: int) -> Results:
    """Do the parts in so many processes; with one, in this process.

    A process that is killed takes the others with it. The parts at which they were are
    done again one by one, each in a process of its own, which has the whole memory.

    Raises:
        StoreError: workers are killed time and again while they work on no image.
    """
    if workers == 1:
        yield from (do_part(task, part) for part in parts)
        return
    waiting = iter(parts)
    while lost := deque((yield from _run_until_loss(task, waiting, workers))):
        while lost:
            alone = iter([after_loss(task.folder, lost.popleft())])
            lost += yield from _run_until_loss(task, alone, 1)


def _run_until_loss(
    task: Task, parts: Iterator[Part], workers: int
) -> Generator[PartResult, None, list[Part]]:
    killed = (BrokenProcessPool,)
    with _pool(task, workers) as submit:
        return (yield from _run_parts(parts, submit, lambda: workers, killed))


def _run_parts(
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


def _prepare_worker() -> None:
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
    _prepare_worker()
    end_with_parent(ended)


def _do_part(part: Part) -> PartResult:
    return do_part(_task, part)


def run_ray(task: Task, parts: Iterable[Part], *, workers: int | None) -> Results:
    """Do the parts on the cluster that `RAY_ADDRESS` names, or on one of our own.

    So many at a time as `workers`, or twice the CPUs of the cluster, so that one that
    grows on demand sees that more would be of use.

    Raises:
        InputError: Ray is not installed, or no cluster answers.
        StoreError: workers are killed time and again while they work on no image.
    """
    ray = import_ray()
    with _cluster(ray, workers):
        # No retries by Ray: after a lack of memory it would go on for ever.
        remote = ray.remote(num_cpus=1, max_retries=0)(_do_alone)
        # Worker processes may have another current folder.
        shared = ray.put(replace(task, folder=task.folder.absolute()))
        calls: set[Any] = set()

        def submit(part: Part) -> Future[PartResult]:
            call = remote.remote(shared, part)
            future: Future[PartResult] = call.future()
            calls.add(call)
            future.add_done_callback(lambda _: calls.discard(call))
            return future

        def count() -> int:
            return workers or 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))

        errors = ray.exceptions
        names = ("WorkerCrashedError", "NodeDiedError", "OutOfMemoryError")
        killed = tuple(getattr(errors, name) for name in names)
        waiting = iter(parts)
        try:
            while lost := (
                yield from _run_parts(waiting, submit, count, killed, go_on=True)
            ):
                # At once: a lost machine loses many parts, each without fault.
                waiting = iter([after_loss(task.folder, part) for part in lost])
        except errors.RayTaskError as error:
            error.cause.add_note(str(error))
            raise error.cause from None
        finally:
            for call in list(calls):  # the cluster may outlive the job
                ray.cancel(call, force=True)


def _do_alone(task: Task, part: Part) -> PartResult:
    _prepare_worker()
    return do_part(task, part)


def import_ray() -> Any:
    """Return the package ray, or complain that it is not installed."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise InputError(
            "the engine ray needs Ray, which is not installed; "
            "install dilo with its extra: pip install 'dilo[ray]'"
        ) from error
    return ray


@contextmanager
def _cluster(ray: Any, workers: int | None) -> Iterator[None]:
    """Join a cluster and leave it again; one of our own ends with that."""
    if ray.is_initialized():  # by the program that calls us, and ended by it
        yield
        return
    address = os.environ.get(ADDRESS, "local")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"num_cpus": workers, "include_dashboard": False}
        options |= {"object_store_memory": STORE_BYTES}
    else:
        _check_answers(address)
    try:
        ray.init(address=address, **options)
    except OSError as error:  # Ray keeps a token in the home and a folder in /tmp
        raise InputError(f"{ADDRESS}={address}: Ray does not start: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Complain at once of a wrong address: Ray tries for two minutes, then exits."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():  # "auto": Ray looks for a cluster
        return
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_CONNECT).close()
    except OSError as error:
        raise InputError(
            f"{ADDRESS}={address}: no Ray cluster answers there ({error}); "
            f"start one, or unset {ADDRESS} to use this machine alone"
        ) from error
