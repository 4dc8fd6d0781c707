"""How many processor cores this process may use."""

import os
from pathlib import Path

from dilo.errors import InputError

CGROUP = Path("/sys/fs/cgroup")


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
