"""Gaussian blur of a Map, as it softens an edge, in fixed point as `blur_image`.

The maps of a store are small: OpenCV takes longer to begin than to blur them.
"""

from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.fixed_point import high_half, plus
from dilo.augment.gaussian import check_sigma, gaussian_weights
from dilo.augment.weigh import Words, fixed_weights, margin, weigher
from dilo.image import Map

_OPAQUE = (1 << 15) - 1  # a value of 1: the sum of two fits 16 bits


def blur_map(alpha: Map, sigma: float) -> Map:
    """Blur a map by a Gaussian, mirrored at the rim: float32 (H, W) in [0, 1].

    Args:
        alpha: float32 (H, W) in [0, 1].
        sigma: of the Gaussian, in pixels.

    Raises:
        InputError: `sigma` is not positive.
    """
    check_sigma(sigma)
    half = gaussian_weights(sigma)
    looked = margin(len(half) - 1)
    margins = looked, looked, looked, looked
    wide: Any = cv2.copyMakeBorder(alpha, *margins, cv2.BORDER_REFLECT_101)
    blurred = np.empty(alpha.shape, np.float32)
    _blur_lines(wide.reshape(-1), fixed_weights(half, looked), blurred)
    return blurred


_weigh = weigher(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _blur_lines(wide: NDArray[np.float32], weights: Words, blurred: Map) -> None:
    """Blur values (H, W) that have a margin as wide as the weights reach."""
    one, reach = np.uint64(1), np.uint64(len(weights) - 1)
    height, width = np.uint64(blurred.shape[0]), np.uint64(blurred.shape[1])
    stride = width + reach + reach
    words = np.empty(len(wide), np.uint16)
    for i in range(np.uint64(len(wide))):
        words[i] = np.uint16(np.int32(wide[i] * np.float32(_OPAQUE) + np.float32(0.5)))
    line, row = np.empty(stride, np.uint16), np.empty(width, np.uint16)
    scale = np.float32(1 / _opaque(weights))
    for y in range(height):
        _weigh(words, (y + reach) * stride, stride, weights, line)
        _weigh(line, reach, one, weights, row)
        for x in range(width):
            blurred[y, x] = min(np.float32(row[x]) * scale, np.float32(1))


@njit(cache=True, nogil=True)
def _opaque(weights: Words) -> np.uint16:
    """Say what becomes of a value of 1: products lose a little."""
    value = np.uint16(_OPAQUE)
    for _ in range(2):
        total = high_half(value, weights[0])
        for i in range(1, len(weights)):
            total = plus(total, high_half(plus(value, value), weights[i]))
        value = total
    return value
