import multiprocessing
import sys

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
