"""Instance discrimination with a memory bank (paper, section 5.1)."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dilo.models.heads import feature_dim, linear_head
from dilo.models.normalise import normalise
from dilo.pretrain.losses import NOISE_EPS, nce, softmax_nce
from dilo.pretrain.memory import MemoryBank
from dilo.pretrain.objective import ImageSetInfo, Objective
from dilo.pretrain.objective_configs import InstDiscConfig, InstDiscNCEConfig
from dilo.training.config import LoopConfig
from dilo.training.processes import gather


class InstDisc(Objective):
    """Tell every image from the others by its embedding.

    Source: Wu et al., CVPR 2018, with the softmax over sampled negatives that the paper
        uses in place of NCE.
    """

    def __init__(
        self,
        backbone: nn.Module,
        info: ImageSetInfo,
        config: InstDiscConfig,
        loop: LoopConfig,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = linear_head(feature_dim(backbone), config.embedding_dim)
        self.bank = MemoryBank(
            info.count, config.embedding_dim, config.bank_momentum, loop.seed
        )
        self.temperature = config.temperature
        self.negatives = min(config.negatives, info.count - 1)
        self.chance_level = math.log(self.negatives + 1)

    def forward(self, views: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        """Give (loss, embeddings, index).

        Args:
            views: uint8 (B, 1, H, W, 3).
            index: int64 (B,), which images they show.
        """
        features = self.head(self.backbone(normalise(views[:, 0])))
        # Similarities decide between thousands of rows, for which bf16 is too coarse.
        with torch.autocast(views.device.type, enabled=False):
            features = F.normalize(features.float(), dim=1)  # (B, D)
            loss = self.contrast(features, index)
        return loss, features.detach(), index

    def contrast(self, features: Tensor, index: Tensor) -> Tensor:
        """Give the loss of embeddings (B, D) of the images `index` (B,)."""
        negatives, excluded = self.bank.draw(index, self.negatives, self.step)
        positives = self.bank.rows[index]
        return softmax_nce(features, positives, negatives, self.temperature, excluded)

    def update(self, features: Tensor, index: Tensor) -> None:
        """Move the images' rows of the bank."""
        super().update()
        self.bank.update(*gather(features, index))


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
