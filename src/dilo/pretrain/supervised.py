"""Classify images by their labels: the reference that needs annotation (Table 1)."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from dilo.errors import InputError
from dilo.models.heads import feature_dim, linear_head
from dilo.models.normalise import normalise
from dilo.pretrain.objective import ImageSetInfo, Objective
from dilo.pretrain.objective_configs import SupervisedConfig
from dilo.training.config import LoopConfig


class Supervised(Objective):
    """Predict the class of an image from its pooled features by one linear layer."""

    labels: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        info: ImageSetInfo,
        config: SupervisedConfig,
        loop: LoopConfig,
    ) -> None:
        super().__init__()
        labels = info.labels
        if labels is None:
            raise InputError(
                "supervised pretraining needs labels: class folders or a CSV of "
                "file,label"
            )
        assert labels.shape == (info.count,)
        classes = len(info.classes) or int(labels.max()) + 1
        if classes < 2:
            raise InputError(f"there must be at least 2 classes, got {classes}")
        self.backbone = backbone
        self.head = linear_head(feature_dim(backbone), classes)
        self.chance_level = math.log(classes)
        # They come from the config again; a checkpoint has no need of them.
        self.register_buffer("labels", labels.long(), persistent=False)

    def forward(self, views: Tensor, index: Tensor) -> Tensor:
        """Give the loss.

        Args:
            views: uint8 (B, 1, H, W, 3).
            index: int64 (B,), which images they show.
        """
        features = self.backbone(normalise(views[:, 0]))  # (B, D)
        return F.cross_entropy(self.head(features), self.labels[index])
