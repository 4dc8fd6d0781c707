import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from dilo.augment import ViewConfig
from dilo.data.image_set import Example
from dilo.data.sampler import BatchSampler
from dilo.pretrain.views import ViewLoader, Views


class Shared:
    """Images in memory that must not be copied to the workers."""

    names = ("a.png", "b.png")

    def __getitem__(self, index: int) -> Example:
        return Example(image=np.full((9, 9, 3), index, np.uint8), saliency=None)

    def __reduce__(self):
        raise AssertionError("the images are being copied")


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
    views = Views(examples=Shared(), crop_size=4, config=ViewConfig(), seed=0, epochs=1)
    batches = ViewLoader(
        views, lambda step: BatchSampler(count=2, batch_size=2, epochs=1, seed=0), 1
    )
    assert [len(batch.index) for batch in batches(0)] == [2]


def train_until_killed(pipe: Connection) -> None:
    """Make views for ever, and tell which processes help."""
    views = Views(
        examples=Shared(), crop_size=4, config=ViewConfig(), seed=0, epochs=10**6
    )
    batches = ViewLoader(
        views, lambda step: BatchSampler(count=2, batch_size=2, epochs=10**6, seed=0), 2
    )
    for number, _ in enumerate(batches(0)):
        if number == 10:
            pipe.send([worker.pid for worker in multiprocessing.active_children()])


def runs(process: int) -> bool:
    """Tell a process from one that has ended, or waits to be buried."""
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
