"""Parts of a job, done on a Ray cluster.

Its machines must see the images and the store under the same paths, by a shared file
system, and have the same version of dilo.
"""

import os
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import cv2

from dilo.allocator import keep_memory
from dilo.errors import InputError, StoreError
from dilo.masks.work import Part, PartResult, Task, do_part
from dilo.masks.workers import KILLED, Results, Tick

ADDRESS = "RAY_ADDRESS"
STORE_BYTES = 80 * 2**20  # the least that Ray takes; results are a few numbers
SECONDS_TO_CONNECT = 10.0
PATIENCE = 3  # losses at a part for which no image is to blame


def run_ray(
    task: Task, parts: Iterable[Part], *, workers: int | None, tick: Tick
) -> Results:
    """Do the parts on the cluster that `RAY_ADDRESS` names, or on one of our own.

    A part whose process was killed, or whose machine was lost, is done again. If that
    happens twice, the image that was in work is a named failure.

    Args:
        task: what is done; the folder of its source is absolute.
        parts: with which images.
        workers: parts in work at a time; as many as the cluster has CPUs by default.
        tick: told how many images are done.

    Raises:
        InputError: Ray is not installed, or no cluster answers.
        StoreError: workers are killed time and again while they work on no image.
    """
    ray = import_ray()
    first = next(parts := iter(parts), None)
    if first is None:  # a cluster takes seconds to start
        return
    waiting = chain([first], parts)
    losses: defaultdict[int, _Losses] = defaultdict(_Losses)
    done = 0
    with _cluster(ray, workers), closing(_Calls(ray, task)) as calls:
        while True:
            free = _limit(ray, workers) - len(calls)
            for part in islice(waiting, max(0, free)):
                calls.submit(part)
            if len(calls) == 0:
                return
            for part, result in calls.finished():
                if result is None:
                    calls.submit(losses[part.number].again(task, part))
                    continue
                done += result.images
                tick(done)
                yield losses[part.number].count(result)


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


def _limit(ray: Any, workers: int | None) -> int:
    """Count the parts that may be in work; a cluster can grow meanwhile."""
    # Twice the CPUs: a cluster that grows on demand sees that more would be of use.
    return workers or 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))


class _Calls:
    """Parts in work on the cluster."""

    def __init__(self, ray: Any, task: Task) -> None:
        self._ray = ray
        # No retries by Ray: after a lack of memory it would go on for ever.
        self._work = ray.remote(num_cpus=1, max_retries=0)(_work)
        # Worker processes may have another current folder.
        self._task = ray.put(replace(task, folder=task.folder.absolute()))
        self._parts: dict[Any, Part] = {}

    def __len__(self) -> int:
        return len(self._parts)

    def submit(self, part: Part) -> None:
        """Put a part in work."""
        self._parts[self._work.remote(self._task, part)] = part

    def finished(self) -> Iterator[tuple[Part, PartResult | None]]:
        """Wait for parts and give their results; None if the process was lost.

        Raises whatever ended the work.
        """
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
    """Do a part in a worker process, noting in a file where it is."""
    keep_memory()
    cv2.setNumThreads(0)
    path = _note(task, part)
    # Unbuffered: what is written outlives a kill.
    with path.open("wb", buffering=0) as note:

        def tick(place: int) -> None:
            note.seek(0)
            note.write(b"%08d" % place)

        result = do_part(task, part, tick)
    path.unlink()
    return result


@dataclass
class _Losses:
    """What is known of the processes and machines that were lost at a part."""

    times: int = 0
    reached: int = 0  # images done before one of them

    def again(self, task: Task, part: Part) -> Part:
        """Give the part to do again, from the second time on without who is to blame.

        Raises:
            StoreError: no image is to blame.
        """
        self.times += 1
        note = _note(task, part)
        place = None
        with suppress(FileNotFoundError, ValueError):  # lost before the first image
            place = int(note.read_bytes())
            self.reached = max(self.reached, place)
        note.unlink(missing_ok=True)
        blamed = None if place is None or self.times == 1 else part.names[place]
        if blamed in part.known or self.times - len(part.known) > PATIENCE:
            raise StoreError(
                f"{task.folder}: worker processes are killed time and again; what was "
                f"computed is kept: run again to go on"
            )
        if blamed is None:
            return part
        return replace(part, known={**part.known, blamed: KILLED})

    def count(self, result: PartResult) -> PartResult:
        """Count the PNG files that were made before a loss, and then kept, as made."""
        computed = min(result.maps, result.computed + self.reached)
        return replace(result, computed=computed)


def _note(task: Task, part: Part) -> Path:
    """Say where a worker notes its place; the end of the job removes such files."""
    return task.folder / f".place-{part.number:05d}.partial"
