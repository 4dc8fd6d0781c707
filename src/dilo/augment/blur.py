"""Gaussian blur of a view (MoCo v2, SimCLR), and of a map."""

import functools
import math
from typing import Any, NamedTuple, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Pixels


class Reach(NamedTuple):
    """Which pixels a blur of lines mixes, for lines of one shape."""

    rows: NDArray[np.uint64]  # from those before the first to those behind the last
    columns: NDArray[np.uint64]  # likewise
    channels: np.uint64
    weights: NDArray[np.float32]  # of the pixel itself, and at each distance
    sides: NDArray[np.uint64]  # where the neighbours at each distance begin, (2, R + 1)


_ROUND, _KEEP = np.float32(0.5), np.float32(0)


def gaussian_blur(pixels: Pixels, sigma: float) -> Pixels:
    """Blur by a Gaussian of `sigma` pixels, mirrored at the rim.

    Args:
        pixels: uint8 (H, W, 3) or float32 (H, W).
        sigma: of the Gaussian, in pixels.

    Raises:
        InputError: `sigma` is not positive.

    Source: as `torchvision.transforms.v2.functional.gaussian_blur`, whose kernel may
    be longer than the 99.7 % of the weight that are looked at here.
    """
    if not sigma > 0:
        raise InputError(f"the sigma of a blur must be positive, got {sigma}")
    blurred = np.empty(pixels.shape, pixels.dtype)
    flat = np.ascontiguousarray(pixels).reshape(-1)
    if pixels.dtype == np.uint8:
        reach, rounding = _reach(pixels.shape, sigma), _ROUND
    else:  # maps of a store have few shapes, and all one blur
        reach, rounding = _kept_reach(pixels.shape, sigma), _KEEP
    _blur(flat, reach, rounding, blurred.reshape(-1))
    return cast(Pixels, blurred)


def _reach(shape: tuple[int, ...], sigma: float) -> Reach:
    weights = gaussian_weights(sigma)
    reach = len(weights) - 1
    rows = mirror(shape[0], reach).astype(np.uint64)
    columns = mirror(shape[1], reach).astype(np.uint64)
    # Where the neighbours at each distance begin in a line; an array, for what is
    # computed in the kernel the compiler does not trust enough to use vectors.
    channels = math.prod(shape[2:])
    distance = channels * np.arange(reach + 1)
    sides = np.array([channels * reach - distance, channels * reach + distance])
    return Reach(rows, columns, np.uint64(channels), weights, sides.astype(np.uint64))


_kept_reach = functools.lru_cache(maxsize=64)(_reach)


def gaussian_weights(sigma: float) -> NDArray[np.float32]:
    """Give the weights of the pixel itself and of those beside it: float32 (R + 1,)."""
    distance = np.arange(round(3 * sigma) + 1)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    return (weights / (2 * weights.sum() - weights[0])).astype(np.float32)


def mirror(length: int, reach: int) -> NDArray[np.int64]:
    """Number the pixels from `reach` before the first to `reach` behind the last."""
    if length == 1:
        return np.zeros(1 + 2 * reach, np.int64)
    period = 2 * (length - 1)
    places = np.arange(-reach, length + reach) % period
    return np.minimum(places, period - places)


@njit(cache=True, nogil=True, error_model="numpy")
def _blur(
    pixels: NDArray[Any], around: Reach, rounding: np.float32, blurred: NDArray[Any]
) -> None:
    """Blur downwards into a line, then along the line, one row at a time."""
    rows, columns, channels = around.rows, around.columns, around.channels
    weights, sides = around.weights, around.sides
    one = np.uint64(1)
    reach = np.uint64(len(weights) - 1)
    margin = reach * channels
    length = np.uint64(len(columns)) * channels - margin - margin
    line = np.empty(length + margin + margin, np.float32)
    total = np.empty(length, np.float32)
    for y in range(np.uint64(len(rows)) - reach - reach):
        start = rows[y + reach] * length
        for i in range(length):
            line[margin + i] = weights[0] * np.float32(pixels[start + i])
        for t in range(one, reach + one):
            above, below = rows[y + reach - t] * length, rows[y + reach + t] * length
            weight = weights[t]
            for i in range(length):
                both = np.float32(pixels[above + i]) + np.float32(pixels[below + i])
                line[margin + i] += weight * both
        _mirror_ends(line, columns, channels, reach)
        for i in range(length):
            total[i] = rounding + weights[0] * line[margin + i]
        for t in range(one, reach + one):
            weight = weights[t]
            left, right = sides[0, t], sides[1, t]
            for i in range(length):
                total[i] += weight * (line[left + i] + line[right + i])
        for i in range(length):
            blurred[y * length + i] = total[i]


@njit(cache=True, nogil=True)
def _mirror_ends(
    line: NDArray[np.float32],
    columns: NDArray[np.uint64],
    channels: np.uint64,
    reach: np.uint64,
) -> None:
    """Fill the pixels before the first and behind the last."""
    inner = np.uint64(len(columns)) - reach
    for x in range(reach):
        for end in (x, inner + x):
            for c in range(channels):
                source = (reach + columns[end]) * channels + c
                line[end * channels + c] = line[source]
