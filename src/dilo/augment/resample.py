"""Cut a box and scale it with antialiasing.

Each new pixel is the mean of the old ones around its centre, weighted by a triangle as
wide as the new pixel, but at least one old pixel each way: bilinear when enlarging,
antialiased when reducing, the filter of Pillow and torchvision. Soft maps are scaled by
it too, never by nearest. Only the box is read.
"""

import math
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.image import Pixels

# Added before rounding down to a level. Weights are ratios of small numbers, so that
# some sums are halves: a little more takes all of them up, as in Pillow's integers,
# whichever way the sum's own error goes.
HALF = np.float32(0.5 + 2**-13)


class Side(NamedTuple):
    """A side of a box and of its view, whose rows lie somewhere in a line of levels."""

    start: int  # of the first old row
    stride: int  # levels from one old row to the next
    old: int  # rows of the box
    new: int  # rows of the view


def crop_resize(pixels: Pixels, box: Box, side: int) -> Pixels:
    """Cut a box and scale it to a square: uint8 (S, S, 3) or float32 (S, S).

    Args:
        pixels: uint8 (H, W, 3) or float32 (H, W).
        box: lies within `pixels`.
        side: of the square, in pixels.

    Source: as `torchvision.transforms.v2.functional.resized_crop` with antialiasing.
    """
    return scale_box(pixels, box, side, side)


def scale_box(pixels: Pixels, box: Box, height: int, width: int) -> Pixels:
    """Cut a box and scale it to a height and a width: as `crop_resize`."""
    if (box.height, box.width) == (height, width):
        return pixels[box.top : box.top + height, box.left : box.left + width].copy()
    rows = box_rows(pixels, box, height)
    scaled = np.empty((height, box.width, *pixels.shape[2:]), pixels.dtype)
    levels = np.ascontiguousarray(pixels).reshape(-1)
    scale_rows(levels, rows, 0, scaled.reshape(height, -1))
    # The columns of new rows are the rows of their transpose: mixing whole rows is
    # vector work, and pays for transposing twice by far.
    turned = cv2.transpose(scaled)
    columns = Side(0, turned[0].size, box.width, width)
    scaled = np.empty((width, height, *pixels.shape[2:]), pixels.dtype)
    scale_rows(turned.reshape(-1), columns, 0, scaled.reshape(width, -1))
    return cast(Pixels, cv2.transpose(scaled))


def box_rows(pixels: Pixels, box: Box, height: int) -> Side:
    """Say where the rows of a box lie, which are scaled to a height."""
    stride = pixels[0].size
    start = box.top * stride + box.left * (stride // pixels.shape[1])
    return Side(start, stride, box.height, height)


@njit(cache=True, nogil=True)
def taps(length: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Say which old pixels make each new one, along one side of a box.

    Args:
        length: number of old pixels; there are none beyond.
        count: number of new pixels.

    Returns:
        First old pixel of each new one, (count,), and the weights of the pixels from
        there on, (count, T), which sum to 1.
    """
    scale = length / count
    reach = max(scale, 1.0)
    size = min(math.ceil(2 * reach), length)
    first = np.empty(count, np.int64)
    weights = np.empty((count, size), np.float32)
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
    return first, weights


@njit(cache=True, nogil=True, error_model="numpy")
def scale_rows(
    levels: NDArray[Any], side: Side, begin: int, scaled: NDArray[Any]
) -> None:
    """Write new rows from number `begin` on, each from the old rows around it."""
    first, weights = taps(side.old, side.new)
    length = np.uint64(scaled.shape[1])
    line = np.empty(length, np.float32)
    rounding = HALF if scaled.itemsize == 1 else np.float32(0)
    for y in range(len(scaled)):
        start = np.uint64(side.start + first[begin + y] * side.stride)
        mix_line(levels, start, np.uint64(side.stride), weights[begin + y], line)
        for i in range(length):
            scaled[y, i] = line[i] + rounding


# All indices are unsigned: signed ones, which might count from the end, keep the
# compiler from using vector instructions and take four times as long.
@njit(cache=True, nogil=True, error_model="numpy")
def mix_line(
    levels: NDArray[Any],
    start: np.uint64,
    stride: np.uint64,
    weights: NDArray[np.float32],
    line: NDArray[np.float32],
) -> None:
    """Weigh old rows, the first of which begins at `start`, into a line."""
    length, count = np.uint64(len(line)), np.uint64(len(weights))
    done = np.uint64(1)
    if count >= np.uint64(3):  # at once what most views need: lines stay in registers
        done = np.uint64(3)
        second, third = start + stride, start + stride + stride
        one, two, three = weights[0], weights[1], weights[2]
        for i in range(length):
            line[i] = (
                one * np.float32(levels[start + i])
                + two * np.float32(levels[second + i])
                + three * np.float32(levels[third + i])
            )
    elif count == np.uint64(2):
        done = np.uint64(2)
        second = start + stride
        one, two = weights[0], weights[1]
        for i in range(length):
            line[i] = one * np.float32(levels[start + i]) + two * np.float32(
                levels[second + i]
            )
    else:
        for i in range(length):
            line[i] = weights[0] * np.float32(levels[start + i])
    for t in range(done, count):
        place, weight = start + t * stride, weights[t]
        for i in range(length):
            line[i] += weight * np.float32(levels[place + i])
