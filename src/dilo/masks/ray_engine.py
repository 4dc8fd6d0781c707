"""Parts of a job, done on a Ray cluster.

Its machines must see the images and the store under the same paths, by a shared file
system, and have the same version of dilo.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import cv2

from dilo.allocator import keep_memory
from dilo.errors import InputError
from dilo.masks.engine import Outcome, Results, run_workers
from dilo.masks.work import Part, PartResult, Task, do_part

ADDRESS = "RAY_ADDRESS"
STORE_BYTES = 80 * 2**20  # the least that Ray takes; results are a few numbers
SECONDS_TO_CONNECT = 10.0


def run_ray(task: Task, parts: Iterable[Part], *, workers: int | None) -> Results:
    """Do the parts on the cluster that `RAY_ADDRESS` names, or on one of our own.

    Args:
        task: what is done; the folder of its source is absolute.
        parts: with which images.
        workers: parts in work at a time; as many as the cluster has CPUs by default.

    Raises:
        InputError: Ray is not installed, or no cluster answers.
        StoreError: workers are killed time and again while they work on no image.
    """
    ray = import_ray()
    with _cluster(ray, workers):
        yield from run_workers(task.folder, parts, _Cluster(ray, task, workers))


def import_ray() -> Any:
    """Return the package ray.

    Raises:
        InputError: it is not installed.
    """
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


class _Cluster:
    """Processes of a cluster."""

    retries_at_once = 1_000_000  # a lost machine loses many parts, each without fault

    def __init__(self, ray: Any, task: Task, workers: int | None) -> None:
        self._ray = ray
        self._workers = workers
        # No retries by Ray: after a lack of memory it would go on for ever.
        self._work = ray.remote(num_cpus=1, max_retries=0)(_work)
        # Worker processes may have another current folder.
        self._task = ray.put(replace(task, folder=task.folder.absolute()))
        self._parts: dict[Any, Part] = {}

    def __len__(self) -> int:
        return len(self._parts)

    def free(self) -> int:
        """Count the parts that may be submitted now; a cluster can grow meanwhile."""
        cpus = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        # Twice the CPUs: a cluster that grows on demand sees that more would be of use.
        return (self._workers or 2 * cpus) - len(self._parts)

    def submit(self, part: Part, *, again: bool = False) -> None:
        """Put a part in work."""
        self._parts[self._work.remote(self._task, part)] = part

    def finished(self) -> Iterator[Outcome]:
        """Wait for parts that are finished."""
        errors = self._ray.exceptions
        lost = (
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.OutOfMemoryError,
        )
        for call in self._ray.wait(list(self._parts))[0]:
            part = self._parts.pop(call)
            try:
                yield part, self._ray.get(call)
            except lost:
                yield part, None
            except errors.RayTaskError as error:
                error.cause.add_note(str(error))
                raise error.cause from None

    def close(self) -> None:
        """End what is in work: the cluster may outlive the job."""
        for call in self._parts:
            self._ray.cancel(call, force=True)


def _work(task: Task, part: Part) -> PartResult:
    """Do a part in a worker process."""
    keep_memory()
    cv2.setNumThreads(0)
    return do_part(task, part)
