"""Classify images by their labels: the reference that needs annotation (Table 1)."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from dilo.errors import InputError
from dilo.models.heads import feature_dim, linear_head
from dilo.models.normalise import normalise
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.subject import Subject
from dilo.training.loop import Survey


class Supervised(nn.Module):
    """Predict the class of an image from its pooled features by one linear layer."""

    views = 1
    input = "rgb"
    labels: Tensor

    def __init__(
        self, backbone: nn.Module, subject: Subject, config: PretrainConfig
    ) -> None:
        """Put a classifier of the subject's classes on `backbone`.

        Raises:
            InputError: the images have no labels, or a single class.
        """
        super().__init__()
        labels = subject.labels
        if labels is None:
            raise InputError(
                "supervised pretraining needs labels: class folders or a CSV of "
                "file,label"
            )
        assert labels.shape == (subject.count,)
        classes = len(subject.classes) or int(labels.max()) + 1
        if classes < 2:
            raise InputError(f"there must be at least 2 classes, got {classes}")
        self.backbone = backbone
        self.head = linear_head(feature_dim(backbone), classes)
        self.chance = math.log(classes)
        # They come from the config again; a checkpoint has no need of them.
        self.register_buffer("labels", labels.long(), persistent=False)

    def forward(self, views: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Give (loss, features).

        Args:
            views: uint8 (1, B, H, W, 3).
            index: int64 (B,), which images they show.
        """
        features = self.backbone(normalise(views[0]))  # (B, D)
        loss = F.cross_entropy(self.head(features), self.labels[index])
        return loss, features.detach()

    def update(self, features: Tensor, index: Tensor) -> None:
        """Remember nothing."""

    def start_epoch(self, epoch: int, survey: Survey) -> None:
        """Prepare nothing."""
