import numpy as np
import torch
import torchvision.transforms.v2.functional as functional

from dilo.image import MEAN, STD
from dilo.models.normalise import normalise


def test_agrees_with_torchvision_and_lies_in_channels_last_order():
    views = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), np.uint8)
    ours = normalise(torch.from_numpy(views))
    scaled = functional.to_dtype(
        torch.from_numpy(views).permute(0, 3, 1, 2), torch.float32, scale=True
    )
    theirs = functional.normalize(scaled, list(MEAN), list(STD))
    torch.testing.assert_close(ours, theirs)
    assert ours.is_contiguous(memory_format=torch.channels_last)
