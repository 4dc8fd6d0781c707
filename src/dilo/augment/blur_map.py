"""Gaussian blur of a Map, as it softens an edge.

The maps of a store are small: OpenCV takes longer to begin than to blur them.
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.gaussian import check_sigma, gaussian_weights
from dilo.image import Map


def blur_map(alpha: Map, sigma: float) -> Map:
    """Blur a map by a Gaussian, mirrored at the rim: float32 (H, W) in [0, 1].

    Args:
        alpha: float32 (H, W) in [0, 1].
        sigma: of the Gaussian, in pixels.

    Raises:
        InputError: `sigma` is not positive.
    """
    check_sigma(sigma)
    weights = _map_weights(sigma)
    reach = len(weights) - 1
    margins = reach, reach, reach, reach
    wide: Any = cv2.copyMakeBorder(alpha, *margins, cv2.BORDER_REFLECT_101)
    blurred = np.empty(alpha.shape, np.float32)
    _blur_lines(wide.reshape(-1), weights, blurred)
    return blurred


@lru_cache(maxsize=64)  # maps of a store have few sizes, and all one blur
def _map_weights(sigma: float) -> NDArray[np.float32]:
    """Give the weights with zeros behind, for whole fours of them."""
    weights = gaussian_weights(sigma)
    return np.pad(weights, (0, -(len(weights) - 1) % 4 if len(weights) > 1 else 4))


@njit(cache=True, nogil=True, error_model="numpy")
def _blur_lines(
    wide: NDArray[np.float32], weights: NDArray[np.float32], blurred: Map
) -> None:
    """Blur downwards, then along the rows, all of them at once: long vectors."""
    height, width = np.uint64(blurred.shape[0]), np.uint64(blurred.shape[1])
    reach = np.uint64(len(weights) - 1)
    stride = width + reach + reach
    rows = np.empty(height * stride, np.float32)
    _mix_beside(wide, stride, weights, rows)
    # Between two rows, what is mixed of the end of one and the start of the next is
    # nothing, and not looked at.
    levels = np.empty(height * stride - reach - reach, np.float32)
    _mix_beside(rows, np.uint64(1), weights, levels)
    for y in range(height):
        for x in range(width):
            # The weights add up to 1 by a hair more or less.
            blurred[y, x] = min(levels[y * stride + x], np.float32(1))


@njit(cache=True, nogil=True, error_model="numpy")
def _mix_beside(
    levels: NDArray[np.float32],
    stride: np.uint64,
    weights: NDArray[np.float32],
    mixed: NDArray[np.float32],
) -> None:
    """Weigh the levels on both sides of each, `stride` apart."""
    start = np.uint64(len(weights) - 1) * stride
    _mix_four(levels, start, stride, np.uint64(1), weights, mixed)
    four = weights.copy()
    four[0] = 0
    more = np.empty(len(mixed) if len(weights) > 5 else 0, np.float32)
    for distance in range(5, len(weights), 4):
        four[1:5] = weights[distance : distance + 4]
        _mix_four(levels, start, stride, np.uint64(distance), four, more)
        for i in range(np.uint64(len(mixed))):
            mixed[i] += more[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _mix_four(
    levels: NDArray[np.float32],
    start: np.uint64,
    stride: np.uint64,
    distance: np.uint64,
    weights: NDArray[np.float32],
    mixed: NDArray[np.float32],
) -> None:
    """Weigh each level and those at four distances: adding to `mixed` is no vectors."""
    w0, w1, w2, w3, w4 = weights[0], weights[1], weights[2], weights[3], weights[4]
    left1, right1 = start - distance * stride, start + distance * stride
    left2, right2 = left1 - stride, right1 + stride
    left3, right3 = left2 - stride, right2 + stride
    left4, right4 = left3 - stride, right3 + stride
    for i in range(np.uint64(len(mixed))):
        mixed[i] = (
            w0 * levels[start + i]
            + w1 * (levels[left1 + i] + levels[right1 + i])
            + w2 * (levels[left2 + i] + levels[right2 + i])
            + w3 * (levels[left3 + i] + levels[right3 + i])
            + w4 * (levels[left4 + i] + levels[right4 + i])
        )
