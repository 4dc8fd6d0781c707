"""Gaussian blur of an Image (MoCo v2, SimCLR), in fixed point: two lanes for one.

Downwards first, line by line, then along each line. Levels have seven bits behind the
point between, so that the sum of two fits 16 bits. What the products lose is given back
on the mean: of an image, one level in a hundred is another than in float32, by one.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dilo.augment.fixed_point import Words, plus
from dilo.augment.gaussian import check_sigma, gaussian_weights
from dilo.augment.weigh import fixed_weights, margin, weigher
from dilo.image import Image
from dilo.kernel_cache import njit

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
    looked = margin(reach)
    margins = looked, looked, looked, looked
    wide: Any = cv2.copyMakeBorder(image, *margins, cv2.BORDER_REFLECT_101)
    blurred = np.empty(image.shape, np.uint8) if out is None else out
    weights = fixed_weights(half, looked)
    lines = blurred.reshape(len(blurred), -1)
    _blur_lines(wide.reshape(-1), weights, lost(reach), lines)
    return blurred


def lost(reach: int) -> int:
    """Say what is added before the last bits are cut off.

    That is half a level, and half a bit for each product of the two passes; at most
    what leaves white at its level. Blurs that reach beyond 62 pixels darken a little.
    """
    return min((1 << BITS) // 2 + reach + 1, (1 << BITS) - 1)


_weigh_down, _weigh_along = weigher(BITS), weigher(0)


@njit(nogil=True, error_model="numpy")
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
