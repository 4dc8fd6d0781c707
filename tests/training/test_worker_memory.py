"""Workers need room in /dev/shm; without it a training says so before it starts."""

import pytest

from dilo.errors import InputError, RunError
from dilo.training import worker_memory
from dilo.training.worker_memory import check_shared_memory, workers_explained

MEGABYTE = 10**6


@pytest.mark.parametrize(
    ("free", "workers", "processes", "enough"),
    [
        (64 * MEGABYTE, 4, 1, False),  # Docker's default
        (1000 * MEGABYTE, 4, 1, True),
        (1000 * MEGABYTE, 4, 2, False),
        (0, 0, 1, True),  # the loader does not use it
        (None, 4, 1, True),  # nor does this system
    ],
)
def test_the_room_is_checked_where_it_is_used(
    monkeypatch, free, workers, processes, enough
):
    monkeypatch.setattr(worker_memory, "_free_bytes", lambda: free)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    if enough:
        check_shared_memory(77 * MEGABYTE, workers)
        return
    with pytest.raises(InputError, match=r"shm has .* need (770|1540) MB; .*shm-size"):
        check_shared_memory(77 * MEGABYTE, workers)


@pytest.mark.parametrize(
    ("said", "explained"),
    [
        ("DataLoader worker (pid 7) is killed by signal: Killed. ", "worker was kill"),
        ("DataLoader worker (pid(s) 7, 8) exited unexpectedly", "worker was killed"),
        ("Caught RuntimeError in DataLoader worker process 0.\nTraceback ...\n"
         "unable to allocate shared memory(shm) for file </torch_7>: No space", "room"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that"
         " dataloader's workers are out of shared memory.", "no more room in /dev/shm"),
    ],
)  # fmt: skip
def test_the_end_of_a_worker_is_one_line(said, explained):
    with pytest.raises(RunError, match=explained) as error, workers_explained():
        raise RuntimeError(said)
    assert "same command goes on" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_worker_that_can_no_longer_be_asked_was_killed():
    with pytest.raises(RunError, match="a worker was killed"), workers_explained():
        raise ConnectionResetError(104, "Connection reset by peer")


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match="shapes"), workers_explained():
        raise RuntimeError("shapes do not match")
