"""Which images are shown: drawn by a seed, never picked."""

import numpy as np

from dilo.errors import InputError


def draw_indices(total: int, count: int, seed: int = 0) -> list[int]:
    """Draw up to `count` different indices below `total`, in ascending order.

    Raises:
        InputError: `count` is not positive, or `seed` is negative.
    """
    if count < 1:
        raise InputError(f"count must be at least 1, got {count}")
    if seed < 0:
        raise InputError(f"seed must not be negative, got {seed}")
    drawn = np.random.default_rng(seed).permutation(total)[:count]
    return sorted(int(index) for index in drawn)
