"""Gaussian blur of a Map, as it softens an edge, in fixed point as `blur_image`.

The maps of a store are small: OpenCV takes longer to begin than to blur them.
"""

import functools

import numpy as np

from dilo.augment.fixed_point import Words, high_half, plus
from dilo.augment.gaussian import check_sigma, gaussian_weights, mirror
from dilo.augment.weigh import fixed_weights, margin, weigher
from dilo.image import Map
from dilo.kernel_cache import njit

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
    blurred = np.empty(alpha.shape, np.float32)
    _blur(np.ascontiguousarray(alpha), _weights(sigma), blurred)
    return blurred


@functools.lru_cache(maxsize=256)
def _weights(sigma: float) -> Words:
    """Give the weights of a Gaussian; maps of one size all ask for the same."""
    half = gaussian_weights(sigma)
    weights = fixed_weights(half, margin(len(half) - 1))
    weights.flags.writeable = False
    return weights


_weigh = weigher(0)


@njit(nogil=True, error_model="numpy")
def _blur(alpha: Map, weights: Words, blurred: Map) -> None:
    """Blur downwards, then along the rows, all of them at once: long vectors."""
    reach = len(weights) - 1
    height, width = alpha.shape
    stride = np.uint64(width + 2 * reach)
    margin = np.uint64(reach)
    rows = np.empty(np.uint64(height) * stride, np.uint16)
    words = _widen(alpha, reach)
    _weigh(words, margin * stride, stride, weights, rows)
    # Between two rows, what is mixed of the end of one and the start of the next is
    # nothing, and not looked at.
    mixed = np.empty(len(rows) - 2 * reach, np.uint16)
    _weigh(rows, margin, np.uint64(1), weights, mixed)
    scale = np.float32(1 / _opaque(weights))
    values = blurred.reshape(-1)
    for y in range(np.uint64(height)):
        start = y * np.uint64(width)
        for x in range(np.uint64(width)):
            value = np.float32(mixed[y * stride + x]) * scale
            values[start + x] = min(value, np.float32(1))


@njit(nogil=True)
def _widen(alpha: Map, reach: int) -> Words:
    """Write an alpha in fixed point, mirrored at the rim, in a line."""
    height, width = alpha.shape
    before, after = mirror(-reach, 0, width), mirror(width, width + reach, width)
    rows = mirror(-reach, height + reach, height)
    words = np.empty(len(rows) * (width + 2 * reach), np.uint16)
    values = alpha.reshape(-1)
    start = np.uint64(0)
    for place in rows:
        first, old = start + np.uint64(reach), np.uint64(place * width)
        for x in range(np.uint64(width)):
            value = values[old + x] * np.float32(_OPAQUE) + np.float32(0.5)
            words[first + x] = np.int32(value)
        for x in range(np.uint64(reach)):
            words[start + x] = words[first + np.uint64(before[x])]
            words[first + np.uint64(width) + x] = words[first + np.uint64(after[x])]
        start = first + np.uint64(width + reach)
    return words


@njit(nogil=True)
def _opaque(weights: Words) -> np.uint16:
    """Say what becomes of a value of 1: products lose a little."""
    value = np.uint16(_OPAQUE)
    for _ in range(2):
        total = high_half(value, weights[0])
        for i in range(1, len(weights)):
            total = plus(total, high_half(plus(value, value), weights[i]))
        value = total
    return value
