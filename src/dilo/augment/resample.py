"""Cut a box and scale it with antialiasing.

Each new pixel is the mean of the old ones around its centre, weighted by a triangle as
wide as the new pixel, but at least one old pixel each way: bilinear when enlarging,
antialiased when reducing, the filter of Pillow and torchvision. Soft maps are scaled by
it too, never by nearest. Only the box is read.
"""

import math
from typing import Any, cast

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.image import Pixels

Taps = tuple[NDArray[np.int64], NDArray[np.float32]]

_ROUND = np.float32(0.5)
_KEEP = np.float32(0)


def crop_resize(pixels: Pixels, box: Box, side: int) -> Pixels:
    """Cut a box and scale it to a square: uint8 (S, S, 3) or float32 (S, S).

    Args:
        pixels: uint8 (H, W, 3) or float32 (H, W).
        box: lies within `pixels`.
        side: of the square, in pixels.

    Source: as `torchvision.transforms.v2.functional.resized_crop` with antialiasing.
    """
    cut = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    if (box.height, box.width) == (side, side):
        return cut.copy()
    return mix(cut, taps(box.height, side), taps(box.width, side))


def mix(pixels: Pixels, rows: Taps, columns: Taps) -> Pixels:
    """Weigh old pixels into new ones, along the rows and along the columns.

    Args:
        pixels: uint8 (H, W, 3) or float32 (H, W).
        rows: of which old rows each new one is made, as `taps` gives them.
        columns: the same for the columns.
    """
    # The columns of new rows are the rows of their transpose: mixing whole rows is
    # vector work, and pays for transposing twice by far.
    turned = cast(Pixels, cv2.transpose(_mix_along(pixels, *rows)))
    return cast(Pixels, cv2.transpose(_mix_along(turned, *columns)))


def taps(length: int, count: int) -> Taps:
    """Say which old pixels make each new one, along one side of a box.

    Args:
        length: number of old pixels; there are none beyond.
        count: number of new pixels.

    Returns:
        First old pixel of each new one, (count,), and the weights of the pixels from
        there on, (count, T), which sum to 1.
    """
    size = min(math.ceil(2 * max(length / count, 1.0)), length)
    first = np.empty(count, np.int64)
    weights = np.empty((count, size), np.float32)
    _weigh(length, first, weights)
    return first, weights


def _mix_along(
    cut: Pixels, first: NDArray[np.int64], weights: NDArray[np.float32]
) -> Pixels:
    """Make new rows from the old ones that begin at `first`."""
    scaled = np.empty((len(first), *cut.shape[1:]), cut.dtype)
    stride = cut.strides[0] // cut.itemsize
    # From the cut's first pixel on, as if the rows were not part of longer ones.
    size = stride * (len(cut) - 1) + scaled[0].size
    flat = np.lib.stride_tricks.as_strided(cut, (size,), (cut.itemsize,))
    _mix_rows(
        flat,
        (first * stride).astype(np.uint64),
        np.uint64(stride),
        weights,
        _ROUND if cut.dtype == np.uint8 else _KEEP,
        scaled.reshape(-1),
    )
    return scaled


# All indices are unsigned: signed ones, which might count from the end, keep the
# compiler from using vector instructions and take four times as long.
@njit(cache=True, nogil=True, error_model="numpy")
def _mix_rows(
    pixels: NDArray[Any],
    starts: NDArray[np.uint64],
    stride: np.uint64,
    weights: NDArray[np.float32],
    rounding: np.float32,
    scaled: NDArray[Any],
) -> None:
    """Write to each new row the weighted sum of the old rows from its start on."""
    count = np.uint64(len(starts))
    length = np.uint64(len(scaled)) // count
    line = np.empty(length, np.float32)
    for y in range(count):
        start = starts[y]
        weight = weights[y, 0]
        for i in range(length):
            line[i] = rounding + weight * np.float32(pixels[start + i])
        for t in range(1, weights.shape[1]):
            start += stride
            weight = weights[y, t]
            for i in range(length):
                line[i] += weight * np.float32(pixels[start + i])
        for i in range(length):
            scaled[y * length + i] = line[i]


@njit(cache=True, nogil=True)
def _weigh(length: int, first: NDArray[np.int64], weights: NDArray[np.float32]) -> None:
    """Fill in what `taps` returns."""
    count, size = weights.shape
    scale = length / count
    reach = max(scale, 1.0)
    for new in range(count):
        centre = (new + 0.5) * scale
        begin = min(max(int(np.floor(centre - reach + 0.5)), 0), length - size)
        first[new] = begin
        total = 0.0
        for t in range(size):
            distance = abs(begin + t + 0.5 - centre) / reach
            weights[new, t] = max(0.0, 1.0 - distance)
            total += max(0.0, 1.0 - distance)
        for t in range(size):
            weights[new, t] /= total
