"""The memory bank: one slowly moving embedding for every image of the set."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dilo.models.inference import to_device


class MemoryBank(nn.Module):
    """Remember the embedding of each image: (N, D).

    Source: Wu et al., CVPR 2018, sec. 3.1; the update by averaging stands in for their
        proximal term, as in their released program.
    """

    rows: Tensor

    def __init__(self, count: int, dim: int, momentum: float, seed: int) -> None:
        """Fill the bank with random rows of norm about 1.

        Args:
            count: images in the set, N.
            dim: embedding dimension, D.
            momentum: share of the old row that an update keeps, in [0, 1).
            seed: of the random rows and of the draws.
        """
        super().__init__()
        self.momentum = momentum
        self.seed = seed
        generator = torch.Generator().manual_seed(seed)
        reach = math.sqrt(3 / dim)
        rows = torch.rand(count, dim, generator=generator) * (2 * reach) - reach
        self.register_buffer("rows", rows)

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, index: Tensor, count: int, step: int) -> tuple[Tensor, Tensor]:
        """Draw `count` negatives for each image, never its own row.

        All images share one draw of `count` + 1 different rows; an image leaves out
        its own row, or the last one where its own was not drawn.

        Args:
            index: the images, (B,).
            count: negatives for each, K, at most N - 1.
            step: the draw is a function of the seed and this.

        Returns:
            The drawn rows, (K + 1, D), and bool (B, K + 1), which one to leave out.
        """
        total = len(self)
        if count + 1 == total:
            drawn = torch.arange(total, device=index.device)
        else:
            # The trailing 2 keeps the draws apart from the streams of views and orders.
            rng = np.random.default_rng((self.seed, step, 0, 2))
            choice = rng.choice(total, count + 1, replace=False)
            drawn = to_device(choice, index.device)
        excluded = drawn == index[:, None]  # (B, K + 1)
        excluded[:, -1] |= ~excluded.any(dim=1)
        return self.rows[drawn], excluded

    def draw_noise(self, count: int, step: int) -> Tensor:
        """Draw rows with replacement: (`count`, D).

        Args:
            count: number of rows, K; may exceed N.
            step: the draw is a function of the seed and this.
        """
        # The trailing 6 keeps the draws apart from the other streams of the seed.
        rng = np.random.default_rng((self.seed, step, 0, 6))
        drawn = rng.integers(0, len(self), count)
        return self.rows[to_device(drawn, self.rows.device)]

    @torch.no_grad()
    def update(self, features: Tensor, index: Tensor) -> None:
        """Move the rows of `index` (B,) towards `features` (B, D), both constant."""
        mean = torch.lerp(features, self.rows[index], self.momentum)
        self.rows[index] = F.normalize(mean, dim=1)
