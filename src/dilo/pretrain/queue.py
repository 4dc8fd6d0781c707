"""MoCo's queue: the keys of the latest images, and which images they were of."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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

    def get_extra_state(self) -> int:
        """Save the place of the oldest key."""
        return self.head

    def set_extra_state(self, state: int) -> None:
        """Restore the place of the oldest key."""
        self.head = state
