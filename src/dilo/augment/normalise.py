"""From uint8 views to what a network reads, on the network's device."""

import torch
from torch import Tensor

from dilo.image import MEAN, STD


def normalise(views: Tensor) -> Tensor:
    """Scale uint8 views (N, H, W, 3) to float32 (N, 3, H, W) in channels_last order."""
    mean = torch.tensor(MEAN, device=views.device) * 255
    std = torch.tensor(STD, device=views.device) * 255
    # Only the stride order changes in `permute`: pixels already lie channel-last.
    return ((views.float() - mean) / std).permute(0, 3, 1, 2)
