"""What objectives remember: the memory bank of InstDisc, the queue of MoCo."""

import math
from typing import Any

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


EMPTY = -1  # the index of a random row that no image has replaced yet


class KeyQueue(nn.Module):
    """A ring of the last K keys.

    Source: He et al., CVPR 2020, sec. 3.2.
    """

    rows: Tensor
    index: Tensor

    def __init__(self, size: int, dim: int, seed: int) -> None:
        """Fill the ring with normalised Gaussian rows, which are of no image.

        Args:
            size: number of keys, K.
            dim: embedding dimension, D.
            seed: of the random rows.
        """
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        rows = F.normalize(torch.randn(size, dim, generator=generator), dim=1)
        self.register_buffer("rows", rows)
        self.register_buffer("index", torch.full((size,), EMPTY))
        # A number of the host: as a tensor it would have to be asked for at each push.
        self.head = 0

    def __len__(self) -> int:
        return len(self.rows)

    @torch.no_grad()
    def push(self, keys: Tensor, index: Tensor) -> None:
        """Replace the oldest keys by new ones, of any number.

        Args:
            keys: (B, D); of more than K the last K stay.
            index: int64 (B,), which images they are of.
        """
        size = len(self)
        skipped = max(0, len(keys) - size)
        start = (self.head + skipped) % size
        keys, index = keys[skipped:], index[skipped:]
        until_end = min(size - start, len(keys))
        for ring, new in ((self.rows, keys), (self.index, index)):
            ring[start : start + until_end] = new[:until_end]
            ring[: len(new) - until_end] = new[until_end:]
        self.head = (start + len(keys)) % size

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *rest: Any
    ) -> None:
        # As long as it was: older versions filled longer ones than a set has images.
        size = len(state_dict.get(f"{prefix}rows", self.rows))
        self.rows = self.rows.new_empty(size, self.rows.shape[1])
        self.index = self.index.new_empty(size)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def get_extra_state(self) -> int:
        """Save the place of the oldest key."""
        return self.head

    def set_extra_state(self, state: int) -> None:
        """Restore the place of the oldest key."""
        self.head = state
