"""Instance discrimination with a memory bank (paper, section 5.1)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dilo.models.heads import feature_dim, linear_head
from dilo.models.normalise import normalise
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.losses import softmax_nce
from dilo.pretrain.memory import MemoryBank
from dilo.pretrain.stepped import Stepped
from dilo.pretrain.subject import Subject
from dilo.training.processes import gather


class InstDisc(Stepped):
    """Tell every image from the others by its embedding.

    Source: Wu et al., CVPR 2018, with the softmax over sampled negatives that the paper
        uses in place of NCE.
    """

    views = 1
    input = "rgb"

    def __init__(
        self, backbone: nn.Module, subject: Subject, config: PretrainConfig
    ) -> None:
        """Put a linear head on `backbone`, and a bank for all images beside it."""
        super().__init__()
        self.backbone = backbone
        self.head = linear_head(feature_dim(backbone), config.embedding_dim)
        self.bank = MemoryBank(
            subject.count, config.embedding_dim, config.bank_momentum, config.seed
        )
        self.temperature = config.temperature
        self.negatives = min(config.negatives, subject.count - 1)
        self.chance = math.log(self.negatives + 1)

    def forward(self, views: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Give (loss, embeddings); call `update(embeddings, index)` after the step.

        Args:
            views: uint8 (1, B, H, W, 3).
            index: int64 (B,), which images they show.
        """
        features = self.head(self.backbone(normalise(views[0])))
        # Similarities decide between thousands of rows, for which bf16 is too coarse.
        with torch.autocast(views.device.type, enabled=False):
            features = F.normalize(features.float(), dim=1)  # (B, D)
            loss = self.contrast(features, index)
        return loss, features.detach()

    def contrast(self, features: Tensor, index: Tensor) -> Tensor:
        """Give the loss of embeddings (B, D) of the images `index` (B,)."""
        negatives, excluded = self.bank.draw(index, self.negatives, self.step)
        positives = self.bank.rows[index]
        return softmax_nce(features, positives, negatives, self.temperature, excluded)

    def update(self, features: Tensor, index: Tensor) -> None:
        """Move the images' rows of the bank."""
        self.bank.update(*gather(features, index))
        self.step += 1
