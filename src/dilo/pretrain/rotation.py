"""Predict by which right angle an image was turned (paper, section 3)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dilo.models.heads import feature_dim, linear_head
from dilo.models.normalise import normalise
from dilo.pretrain.objective import ImageSetInfo, Objective
from dilo.pretrain.objective_configs import RotationConfig
from dilo.training.config import LoopConfig

TURNS = 4  # 0, 90, 180 and 270 degrees


class Rotation(Objective):
    """Tell the four upright-to-upside-down turns of an image apart.

    All four turns of every image are in one batch, so a step costs four views of
    network for each view that the loader makes. What is turned is the finished view:
    with copy-paste the whole composite, foreground and background alike.

    Source: Gidaris et al., "Unsupervised representation learning by predicting image
        rotations", ICLR 2018. There the last layers of AlexNet predict the turn; here,
        as is usual for ResNets, one linear layer on the pooled features does.
    """

    chance_level = math.log(TURNS)

    def __init__(
        self,
        backbone: nn.Module,
        info: ImageSetInfo,
        config: RotationConfig,
        loop: LoopConfig,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = linear_head(feature_dim(backbone), TURNS)

    def forward(self, views: Tensor, index: Tensor) -> Tensor:
        """Give the loss.

        Args:
            views: uint8 (B, 1, S, S, 3).
            index: int64 (B,), which images they show; the task is the same for all.
        """
        features = self.backbone(normalise(turned(views[:, 0])))  # (4 B, D)
        count = len(views)
        target = torch.arange(TURNS, device=views.device).repeat_interleave(count)
        return F.cross_entropy(self.head(features), target)


def turned(images: Tensor) -> Tensor:
    """Turn square images counter-clockwise by 0, 90, 180 and 270 degrees.

    Args:
        images: (B, S, S, C).

    Returns:
        (4 B, S, S, C): all as they came, then all turned once, twice, three times.
    """
    return torch.cat([torch.rot90(images, turns, (1, 2)) for turns in range(TURNS)])
