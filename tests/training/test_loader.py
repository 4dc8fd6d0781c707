"""The loader and its workers, of a data set that has nothing to do with views."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch

from dilo.data.sampler import BatchSampler, Sample
from dilo.errors import ImageError, RunError
from dilo.training.loader import Loader

BROKEN = (4,)


class Numbers:
    """Six items, of which some cannot be read, that must not be copied to workers."""

    names = tuple(f"{index}.png" for index in range(6))

    def __init__(self, broken: tuple[int, ...] = BROKEN) -> None:
        self.broken = broken
        self.other_files: dict[str, str] = {}

    def __getitem__(self, sample: Sample) -> tuple[np.ndarray, int]:
        epoch, index = sample
        if index in self.broken:
            self.other_files = {"texture.png": "texture.png: the file is empty"}
            raise ImageError(f"{index}.png: the file is empty")
        return np.full((2, 3), 10 * epoch + index, np.uint8), index

    def take_failures(self) -> dict[str, str]:
        taken, self.other_files = self.other_files, {}
        return taken

    def __reduce__(self):
        raise AssertionError("the images are being copied")


def loader(workers: int = 0, epochs: int = 2, broken=BROKEN) -> Loader:
    def sampler(step: int) -> BatchSampler:
        epoch, place = divmod(step, 2)
        return BatchSampler(
            count=6,
            batch_size=3,
            epochs=epochs,
            seed=0,
            first_epoch=epoch,
            first_step=place,
        )

    return Loader(Numbers(broken), sampler, workers)


WORKERS = [0, pytest.param(2, marks=pytest.mark.slow)]


@pytest.mark.parametrize("workers", WORKERS)
def test_batches_are_those_of_the_sampler_from_a_step_on(workers):
    load = loader(workers, broken=())
    batches = list(load(1))
    samples = [sample for batch in load.sampler(1) for sample in batch]
    assert len(batches) == 3
    values, index = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert index.tolist() == [number for _, number in samples]
    assert values[:, 0, 0].tolist() == [
        10 * epoch + number for epoch, number in samples
    ]
    assert values.dtype == torch.uint8


@pytest.mark.parametrize("workers", WORKERS)
def test_a_bad_item_gives_way_to_another_of_its_batch_and_is_named(workers):
    load = loader(workers, epochs=1)
    whole = [index for _, index in load(0)]
    assert [len(index) for index in whole] == [3, 3]
    assert not set(BROKEN) & set(torch.cat(whole).tolist())
    assert load.failures == {
        "4.png": "4.png: the file is empty",
        "texture.png": "texture.png: the file is empty",
    }


def test_too_many_bad_items_end_it():
    with pytest.raises(RunError, match=r"2 of 6 images cannot be used, more than 25%"):
        list(loader(epochs=1, broken=(1, 4))(0))


def test_a_batch_without_a_good_item_ends_it():
    with pytest.raises(RunError, match=r"not one image .* can be read: \d.png: the fi"):
        list(loader(broken=tuple(range(6)))(0))


@pytest.fixture
def _below_a_spawned_process():
    former = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    yield
    multiprocessing.set_start_method(former, force=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
@pytest.mark.usefixtures("_below_a_spawned_process")
def test_workers_share_the_images_also_below_a_spawned_process():
    assert len(list(loader(workers=1, epochs=1)(0))) == 2


def train_until_killed(pipe: Connection) -> None:
    """Read for ever, and send which processes help."""
    for number, _ in enumerate(loader(workers=2, epochs=10**6)(0)):
        if number == 10:
            pipe.send([worker.pid for worker in multiprocessing.active_children()])


def runs(process: int) -> bool:
    """Whether a process is alive, and not only waits to be reaped."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2][1] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_when_their_training_is_killed():
    ours, theirs = multiprocessing.Pipe()
    training = multiprocessing.get_context("fork").Process(
        target=train_until_killed, args=(theirs,)
    )
    training.start()
    workers = ours.recv()
    assert len(workers) == 2
    assert all(map(runs, workers))
    assert training.pid is not None
    os.kill(training.pid, signal.SIGKILL)
    training.join()
    deadline = time.monotonic() + 30  # torch's loader looks every five seconds
    while any(map(runs, workers)):
        assert time.monotonic() < deadline, "workers live on"
        time.sleep(0.1)


# Keeps the traceback of a failed training, as a notebook does, and a child of its own.
FAILING = """
import multiprocessing, sys, time
sys.path.insert(0, {folder!r})
from test_loader import loader

def fail():
    for batch in loader(workers=2, epochs=10**6)(0):
        raise ValueError("beside the loader")

if __name__ == "__main__":
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(2,))
    child.start()
    try:
        fail()
    except ValueError as error:
        kept = error
    print("child", child.pid, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_do_not_outlive_a_process_that_fails_and_no_other_child_is_killed():
    code = FAILING.format(folder=str(Path(__file__).parent))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline().split()[1])
        assert runs(child)
        assert process.wait(timeout=30) == 0  # waits for its child, not for workers


def batches_of(load: Loader) -> Iterator[list[int]]:
    for _, index in load(0):
        yield index.tolist()


@pytest.mark.slow
def test_what_is_read_does_not_depend_on_the_number_of_workers():
    assert list(batches_of(loader(0))) == list(batches_of(loader(2)))
