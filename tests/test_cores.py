import os

import pytest

from dilo import cores
from dilo.cores import available_cores, in_threads
from dilo.errors import ImageError, InputError


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A process that may use 8 of 64 cores, and no control groups."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    everything = set(range(8))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: everything, raising=False)
    monkeypatch.setattr(cores, "CGROUP", tmp_path)
    return tmp_path


def version_1(root, quota, period=100_000):
    (root / "cpu").mkdir()
    (root / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
    (root / "cpu/cpu.cfs_period_us").write_text(f"{period}\n")


def test_without_a_quota_the_affinity_counts():
    assert available_cores() == 8


def test_where_there_is_no_affinity_the_machine_counts(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert available_cores() == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1


@pytest.mark.parametrize(
    ("limit", "cores"),
    [
        ("200000 100000", 2),
        ("150000 50000", 3),
        ("50000 100000", 1),  # half a core is one process
        ("1000 100000", 1),
        ("6400000 100000", 8),  # no more than the affinity
        ("max 100000", 8),
        ("", 8),
        ("no numbers", 8),
    ],
)
def test_the_quota_of_version_2_of_control_groups(machine, limit, cores):
    (machine / "cpu.max").write_text(limit)
    assert available_cores() == cores


@pytest.mark.parametrize(("quota", "cores"), [(300_000, 3), (20_000, 1), (-1, 8)])
def test_the_quota_of_version_1_of_control_groups(machine, quota, cores):
    version_1(machine, quota)
    assert available_cores() == cores


@pytest.mark.parametrize("workers", [1, 3, None])
def test_threads_give_results_in_order_and_begin_only_some_ahead(workers):
    begun = []

    def items():
        for number in range(20):
            begun.append(number)
            yield number

    for number, square in in_threads(lambda k: k * k, items(), workers, ahead=4):
        assert square == number**2
        assert len(begun) <= number + 5
    assert len(begun) == 20


def test_threads_hand_on_our_errors_and_raise_others():
    def odd(number):
        if number % 2 == 0:
            raise ImageError("even")
        return 1 // (number - 3)

    results = in_threads(odd, range(5), 2)
    assert [str(next(results)[1]) for _ in range(3)] == ["even", "-1", "even"]
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        next(in_threads(odd, [1], 0))
