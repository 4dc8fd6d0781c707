"""How many processor cores this process may use, and their use by threads."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from dilo.errors import DiloError, InputError

CGROUP = Path("/sys/fs/cgroup")
AHEAD = 1024  # items whose results may wait: they are small, as a rule

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def available_cores() -> int:
    """Count the cores that the process may use: affinity and container quota count.

    A job of one core on a machine of 64 must not start 64 threads.
    """
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cgroup_quota()
    return cores if quota is None else max(1, min(cores, round(quota)))


def check_workers(workers: int | None) -> int:
    """Give a number of workers: one for each core by default.

    Raises:
        InputError: it is less than 1.
    """
    if workers is None:
        return available_cores()
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    return workers


def in_threads(
    function: Callable[[ItemT], ResultT],
    items: Iterable[ItemT],
    workers: int | None,
    ahead: int = AHEAD,
) -> Generator[tuple[ItemT, ResultT | DiloError], None, None]:
    """Yield each item, in order, with what the function gives, or the error it raises.

    At most so many items are begun ahead, and none after Ctrl-C.

    Raises:
        InputError: `workers` < 1.
        Exception: what the function raises, but for a DiloError.
    """

    def call(item: ItemT) -> ResultT | DiloError:
        try:
            return function(item)
        except DiloError as error:
            return error

    waiting: deque[tuple[ItemT, Future[ResultT | DiloError]]] = deque()
    pool = ThreadPoolExecutor(check_workers(workers))
    try:
        for item in items:
            waiting.append((item, pool.submit(call, item)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _cgroup_quota() -> float | None:
    """Read the quota of the control group in cores, of version 2 or 1; None if none."""
    try:
        if (CGROUP / "cpu.max").exists():
            quota, period = (CGROUP / "cpu.max").read_text().split()
        else:
            quota = (CGROUP / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (CGROUP / "cpu" / "cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):  # no control groups, or the quota is "max"
        return None
