"""Instance discrimination by noise-contrastive estimation, as it was published."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from dilo.pretrain.instdisc import InstDisc
from dilo.pretrain.losses import NOISE_EPS, nce
from dilo.pretrain.objective import ImageSetInfo
from dilo.pretrain.objective_configs import InstDiscNCEConfig
from dilo.training.config import LoopConfig
from dilo.training.processes import gather

ANGLES = 4096  # at which the distribution of random cosines is summed up


class InstDiscNCE(InstDisc):
    """Tell each image's row of the bank from rows drawn at random.

    Probabilities need Z, the sum of exp(similarity / temperature) over the whole bank.
    It is estimated once, from the whole first batch, and kept. The first step itself
    has the Z of random directions, which does not depend on how processes and
    micro-batches share the batch. As published, noise is drawn with replacement and may
    be the image's own row; but one draw serves all images of a step, so that
    similarities are one product of matrices.

    It wants many steps an epoch. An untrained network embeds all images alike; where
    the whole bank has followed it there before it has learned to spread them, Z is by
    far too small, and the loss rises far above chance. On 512 scenes it does with the
    published bank momentum 0.5; the softmax (`instdisc`) does not mind.

    Source: Wu et al., CVPR 2018, sec. 3.2, without the proximal term.
    """

    log_mean: Tensor  # log(Z / N): Z itself is out of range at small temperatures

    def __init__(
        self,
        backbone: nn.Module,
        info: ImageSetInfo,
        config: InstDiscNCEConfig,
        loop: LoopConfig,
    ) -> None:
        """Put a linear head on `backbone`, and a bank for all images beside it."""
        super().__init__(backbone, info, config, loop)
        self.negatives = config.negatives
        start = RandomDirections(config.embedding_dim, config.temperature)
        self.register_buffer("log_mean", torch.tensor(start.log_mean))
        self.chance_level = start.loss(info.count, self.negatives)

    def contrast(self, features: Tensor, index: Tensor) -> Tensor:
        """Give the loss of embeddings (B, D) of the images `index` (B,)."""
        noise = self.bank.draw_noise(self.negatives, self.step)
        positives, count = self.bank.rows[index], len(self.bank)
        return nce(features, positives, noise, self.temperature, self.log_mean, count)

    def update(self, features: Tensor, index: Tensor) -> None:
        """Estimate Z after the first step; move the images' rows of the bank."""
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


class RandomDirections:
    """The similarities of an untrained network: of directions drawn at random."""

    def __init__(self, dim: int, temperature: float) -> None:
        """Take embeddings of `dim` numbers, whose cosines `temperature` divides."""
        # The density of angles between random directions goes with sin^(D - 2).
        angle = (np.arange(ANGLES) + 0.5) * (np.pi / ANGLES)
        log_weight = (dim - 2) * np.log(np.sin(angle))
        weight = np.exp(log_weight - log_weight.max())
        self._weight = weight / weight.sum()
        similarity = np.cos(angle) / temperature
        relative = np.exp(similarity - similarity.max())
        mean = self._weight @ relative
        self.log_mean = float(np.log(mean) + similarity.max())  # log(Z / N)
        # Times N, the probability of a row. With a small temperature the furthest are
        # 0, whose logarithm would weigh nothing.
        self._relative = np.maximum(relative / mean, np.finfo(float).tiny)

    def loss(self, count: int, negatives: int) -> float:
        """Give the mean of `losses.nce` for N = `count` and K = `negatives`."""
        slack = count * NOISE_EPS
        found = np.log1p((negatives + slack) / self._relative)
        refused = np.log1p((self._relative + slack) / negatives)
        return float(self._weight @ (found + negatives * refused))
