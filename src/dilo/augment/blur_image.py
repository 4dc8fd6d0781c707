"""Gaussian blur of an Image (MoCo v2, SimCLR), in fixed point: two lanes for one.

Downwards first, line by line, then along each line. Levels have seven bits behind the
point between, so that the sum of two fits 16 bits. What the products lose is given back
on the mean: of an image, one level in a hundred is another than in float32, by one.
"""

from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.fixed_point import ONE, high_half, plus
from dilo.augment.gaussian import check_sigma, gaussian_weights
from dilo.image import Image

Words = NDArray[np.uint16]

BITS = 7  # behind the point
_SHIFT = np.uint16(BITS)


def blur_image(image: Image, sigma: float, out: Image | None = None) -> Image:
    """Blur an image by a Gaussian, mirrored at the rim: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3).
        sigma: of the Gaussian, in pixels.
        out: where to write, uint8 (H, W, 3), C-contiguous.

    Raises:
        InputError: `sigma` is not positive.

    Source: as `torchvision.transforms.v2.functional.gaussian_blur`, whose kernel may
    be longer than the 99.7 % of the weight that are looked at here.
    """
    check_sigma(sigma)
    half = gaussian_weights(sigma)
    reach = len(half) - 1
    margin = _margin(reach)
    margins = margin, margin, margin, margin
    wide: Any = cv2.copyMakeBorder(image, *margins, cv2.BORDER_REFLECT_101)
    blurred = np.empty(image.shape, np.uint8) if out is None else out
    weights = fixed_weights(half, margin)
    lines = blurred.reshape(len(blurred), -1)
    _blur_lines(wide.reshape(-1), weights, lost(reach), lines)
    return blurred


def _margin(reach: int) -> int:
    """Say how far the kernels look: three levels, or some sixes."""
    return 3 if reach <= 3 else -(-reach // 6) * 6


@njit(cache=True, nogil=True)
def fixed_weights(half: NDArray[np.float32], reach: int) -> Words:
    """Round weights to 16 bits, so that they sum to 1, and add zeros: (reach + 1,).

    A weight of 1 itself becomes the largest there is.
    """
    weights = np.zeros(reach + 1, np.uint16)
    rest = np.int64(ONE)
    for i in range(1, len(half)):
        weights[i] = np.uint16(np.rint(half[i] * np.float64(ONE)))
        rest -= 2 * np.int64(weights[i])
    weights[0] = np.uint16(rest if rest < ONE else ONE - 1)
    return weights


def lost(reach: int) -> int:
    """Say what is added before the last bits are cut off.

    That is half a level, and half a bit for each product of the two passes; at most
    what leaves white at its level. Blurs that reach beyond 62 pixels darken a little.
    """
    return min((1 << BITS) // 2 + reach + 1, (1 << BITS) - 1)


def _weigher(bits: int) -> Any:
    """Compile a kernel for levels that want so many bits behind the point."""
    shift = np.uint16(bits)

    @njit(cache=True, nogil=True, error_model="numpy", inline="never")
    def weigh_three(
        levels: NDArray[Any],
        start: np.uint64,
        step: np.uint64,
        weights: Words,
        mixed: Words,
    ) -> None:
        """Weigh each level and three on both sides."""
        w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
        left1, right1 = start - step, start + step
        left2, right2 = left1 - step, right1 + step
        left3, right3 = left2 - step, right2 + step
        for i in range(np.uint64(len(mixed))):
            zero = np.uint16(levels[start + i]) << shift
            one = plus(levels[left1 + i], levels[right1 + i]) << shift
            two = plus(levels[left2 + i], levels[right2 + i]) << shift
            three = plus(levels[left3 + i], levels[right3 + i]) << shift
            mixed[i] = plus(
                plus(high_half(zero, w0), high_half(one, w1)),
                plus(high_half(two, w2), high_half(three, w3)),
            )

    @njit(cache=True, nogil=True, error_model="numpy", inline="never")
    def weigh_six(
        levels: NDArray[Any],
        start: np.uint64,
        step: np.uint64,
        near: np.uint64,
        weights: Words,
        mixed: Words,
    ) -> None:
        """Weigh each level, and on both sides six from `near` steps away on."""
        w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
        w4, w5, w6 = weights[4], weights[5], weights[6]
        left1, right1 = start - near * step, start + near * step
        left2, right2 = left1 - step, right1 + step
        left3, right3 = left2 - step, right2 + step
        left4, right4 = left3 - step, right3 + step
        left5, right5 = left4 - step, right4 + step
        left6, right6 = left5 - step, right5 + step
        for i in range(np.uint64(len(mixed))):
            zero = np.uint16(levels[start + i]) << shift
            one = plus(levels[left1 + i], levels[right1 + i]) << shift
            two = plus(levels[left2 + i], levels[right2 + i]) << shift
            three = plus(levels[left3 + i], levels[right3 + i]) << shift
            four = plus(levels[left4 + i], levels[right4 + i]) << shift
            five = plus(levels[left5 + i], levels[right5 + i]) << shift
            six = plus(levels[left6 + i], levels[right6 + i]) << shift
            low = plus(high_half(zero, w0), high_half(one, w1))
            low = plus(low, plus(high_half(two, w2), high_half(three, w3)))
            high = plus(high_half(four, w4), high_half(five, w5))
            mixed[i] = plus(low, plus(high, high_half(six, w6)))

    @njit(cache=True, nogil=True, error_model="numpy")
    def weigh(
        levels: NDArray[Any],
        start: np.uint64,
        step: np.uint64,
        weights: Words,
        mixed: Words,
    ) -> None:
        """Weigh each level and those on both sides, `step` apart."""
        if len(weights) <= 4:
            weigh_three(levels, start, step, weights, mixed)
            return
        weigh_six(levels, start, step, np.uint64(1), weights, mixed)
        if len(weights) == 7:
            return
        more = np.empty(len(mixed), np.uint16)
        six = weights[:7].copy()
        six[0] = 0
        for near in range(7, len(weights), 6):
            six[1:] = weights[near : near + 6]
            weigh_six(levels, start, step, np.uint64(near), six, more)
            for i in range(np.uint64(len(mixed))):
                mixed[i] = plus(mixed[i], more[i])

    return weigh


_weigh_down, _weigh_along = _weigher(BITS), _weigher(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _blur_lines(
    wide: NDArray[np.uint8], weights: Words, lost: int, blurred: Image
) -> None:
    """Blur levels, (H, 3 W), that have a margin as wide as the weights reach."""
    three, reach = np.uint64(3), np.uint64(len(weights) - 1)
    height, length = np.uint64(blurred.shape[0]), np.uint64(blurred.shape[1])
    margin = three * reach
    stride = length + margin + margin
    line, row = np.empty(stride, np.uint16), np.empty(length, np.uint16)
    rest = np.uint16(lost)
    for y in range(height):
        _weigh_down(wide, (y + reach) * stride, stride, weights, line)
        _weigh_along(line, margin, three, weights, row)
        for i in range(length):
            blurred[y, i] = plus(row[i], rest) >> _SHIFT
