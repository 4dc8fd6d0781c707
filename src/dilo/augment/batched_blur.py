"""The blur of `blur_image` for a whole batch, on whatever device it is."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dilo.augment.blur_image import BITS, lost
from dilo.augment.fixed_point import WIDTH
from dilo.augment.gaussian import blur_reach, gaussian_weights, mirror
from dilo.augment.weigh import fixed_weights


def blur(planes: Tensor, sigmas: NDArray[np.float64]) -> Tensor:
    """Blur each image by its own sigma, in the integers of single views.

    Args:
        planes: float32 (N, 3, H, W), whole levels.
        sigmas: (N,), in pixels.
    """
    reaches = [blur_reach(float(sigma)) for sigma in sigmas]
    halves = [gaussian_weights(float(sigma)) for sigma in sigmas]
    words = np.stack([fixed_weights(half, max(reaches)) for half in halves])
    weights = torch.from_numpy(words.astype(np.int32).T).to(planes.device)
    levels = planes.int() << BITS
    for axis in (2, 3):
        levels = _weigh(levels, axis, weights.view(*weights.shape, 1, 1, 1))
    rest = torch.tensor([lost(reach) for reach in reaches], device=planes.device)
    return ((levels + rest.view(-1, 1, 1, 1)) >> BITS).to(planes.dtype)


def _weigh(levels: Tensor, axis: int, weights: Tensor) -> Tensor:
    """Weigh each level and those on both sides along an axis: int32."""
    size, reach = levels.shape[axis], len(weights) - 1
    places = torch.from_numpy(mirror(-reach, size + reach, size)).to(levels.device)
    wide = levels.index_select(axis, places)
    mixed = (levels * weights[0]) >> WIDTH
    for away in range(1, reach + 1):
        before = wide.narrow(axis, reach - away, size)
        behind = wide.narrow(axis, reach + away, size)
        mixed += ((before + behind) * weights[away]) >> WIDTH
    return mixed
