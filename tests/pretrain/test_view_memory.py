"""A worker must not grow with the number of images it has looked at."""

import multiprocessing
import sys

import numpy as np
import pytest

from dilo.augment import VIEW_CHAINS
from dilo.data.image_set import Example
from dilo.folder import Names
from dilo.pretrain.views import Views

COUNT = 1_000_000


class Million:
    """A million names with one image."""

    def __init__(self) -> None:
        self.names = Names(f"n{index:08d}/image_{index}.jpg" for index in range(COUNT))
        self.image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)

    def __getitem__(self, index: int) -> Example:
        assert self.names[index].endswith(f"_{index}.jpg")
        return Example(image=self.image, saliency=np.ones((40, 50), np.float32))


def private_bytes() -> int:
    """Memory that this process shares with no other."""
    with open("/proc/self/smaps_rollup") as lines:
        fields = (line.split() for line in lines)
        return sum(
            1024 * int(field[1]) for field in fields if field[0].startswith("Private_")
        )


def work(views: Views, queue: multiprocessing.Queue) -> None:
    for index in range(300):  # until all that is kept once is there
        views[0, index]
    before = private_bytes()
    for index in range(0, COUNT, 499):
        views[1, index]
    for index in range(COUNT):
        views.examples.names[index]
    queue.put(private_bytes() - before)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_a_worker_stays_flat_over_a_million_images():
    config = VIEW_CHAINS["moco_v2"]
    views = Views(examples=Million(), crop_size=32, config=config, seed=0, epochs=2)
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    worker = fork.Process(target=work, args=(views, queue))
    worker.start()
    grown = queue.get(timeout=60)
    worker.join()
    # The names are 33 MB; a list of them would be copied to every worker bit by bit.
    assert grown < 4_000_000
