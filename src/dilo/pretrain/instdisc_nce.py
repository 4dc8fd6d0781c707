"""Instance discrimination by noise-contrastive estimation, as it was published."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.instdisc import InstDisc
from dilo.pretrain.losses import NOISE_EPS, nce
from dilo.pretrain.subject import Subject
from dilo.training.processes import gather

ANGLES = 4096  # at which the distribution of random cosines is summed up


class InstDiscNCE(InstDisc):
    """Tell each image's row of the bank from rows drawn at random.

    Probabilities need Z, the sum of exp(similarity / temperature) over the whole bank.
    It is estimated once, from the first batch, and kept. As published, noise is drawn
    with replacement and may be the image's own row; but one draw serves all images of
    a step, so that similarities are one product of matrices.

    Source: Wu et al., CVPR 2018, sec. 3.2, without the proximal term.
    """

    log_mean: Tensor  # log(Z / N): Z itself is out of range at small temperatures

    def __init__(
        self, backbone: nn.Module, subject: Subject, config: PretrainConfig
    ) -> None:
        """Put a linear head on `backbone`, and a bank for all images beside it."""
        super().__init__(backbone, subject, config)
        self.negatives = config.negatives
        self.register_buffer("log_mean", torch.zeros(()))
        self.chance = nce_chance(
            subject.count, self.negatives, config.embedding_dim, config.temperature
        )

    def contrast(self, features: Tensor, index: Tensor) -> Tensor:
        """Give the loss of embeddings (B, D) of the images `index` (B,)."""
        noise = self.bank.draw_noise(self.negatives, self.step)
        log_mean = self.log_mean
        if self.step == 0:  # of what is here; `update` keeps that of the whole batch
            log_mean = self._estimate(features.detach(), index)
        positives, count = self.bank.rows[index], len(self.bank)
        return nce(features, positives, noise, self.temperature, log_mean, count)

    def update(self, features: Tensor, index: Tensor) -> None:
        """Keep Z after the first step; move the images' rows of the bank."""
        if self.step == 0:
            self.log_mean.copy_(self._estimate(*gather(features, index)))
        super().update(features, index)

    def _estimate(self, features: Tensor, index: Tensor) -> Tensor:
        """Give log(Z / N), over the noise and the own rows as published."""
        noise = self.bank.draw_noise(self.negatives, self.step)
        positive = (features * self.bank.rows[index]).sum(dim=1, keepdim=True)
        similarities = torch.cat([positive, features @ noise.T], dim=1)
        total = (similarities / self.temperature).flatten().logsumexp(dim=0)
        return total - math.log(similarities.numel())


def nce_chance(count: int, negatives: int, dim: int, temperature: float) -> float:
    """Give the loss of a network whose similarities are those of random directions.

    That is where a training starts, and Z is estimated there.

    Args:
        count: images of the set, N.
        negatives: noise rows for each image, K.
        dim: of the embedding.
        temperature: similarities are divided by this.
    """
    # The angle between random directions has a density in proportion to sin^(D - 2).
    angle = (np.arange(ANGLES) + 0.5) * (np.pi / ANGLES)
    log_weight = (dim - 2) * np.log(np.sin(angle))
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    similarity = np.cos(angle) / temperature
    relative = np.exp(similarity - similarity.max())
    relative /= weight @ relative  # probability times N
    slack = count * NOISE_EPS
    # With a small temperature the furthest are 0, whose logarithm weighs nothing.
    found = np.log1p((negatives + slack) / np.maximum(relative, np.finfo(float).tiny))
    refused = np.log1p((relative + slack) / negatives)
    return float(weight @ (found + negatives * refused))
