"""From uint8 views to what a network reads, on the network's device."""

import functools

import torch
from torch import Tensor

from dilo.image import MEAN, STD


def normalise(views: Tensor) -> Tensor:
    """Scale uint8 views (N, H, W, 3) to float32 (N, 3, H, W) in channels_last order."""
    mean, std = _levels(views.device)
    # Only the stride order changes in `permute`: pixels already lie channel-last.
    return views.float().sub_(mean).div_(std).permute(0, 3, 1, 2)


@functools.cache
def _levels(device: torch.device) -> tuple[Tensor, Tensor]:
    """Give mean and deviation in levels; copying them to a GPU anew makes it wait."""
    with torch.inference_mode(mode=False):
        mean, std = torch.tensor([MEAN, STD], device=device) * 255
        return mean, std
