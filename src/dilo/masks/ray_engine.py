"""Parts of a job, done on a Ray cluster.

Its machines must see the images and the store under the same paths, by a shared file
system, and have the same version of dilo.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from dilo.errors import InputError
from dilo.masks.work import Part, PartResult, Results, Task, after_loss, do_part
from dilo.masks.workers import prepare_worker, run_parts

ADDRESS = "RAY_ADDRESS"
STORE_BYTES = 80 * 2**20  # the least that Ray takes; results are a few numbers
SECONDS_TO_CONNECT = 10.0


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
        remote = ray.remote(num_cpus=1, max_retries=0)(_do_part)
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
                yield from run_parts(waiting, submit, count, killed, go_on=True)
            ):
                # At once: a lost machine loses many parts, each without fault.
                waiting = iter([after_loss(task.folder, part) for part in lost])
        except errors.RayTaskError as error:
            error.cause.add_note(str(error))
            raise error.cause from None
        finally:
            for call in list(calls):  # the cluster may outlive the job
                ray.cancel(call, force=True)


def _do_part(task: Task, part: Part) -> PartResult:
    prepare_worker()
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
