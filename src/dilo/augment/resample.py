"""Cut a box and scale it with antialiasing, in one compiled pass.

Each new pixel is the mean of the old ones around its centre, weighted by a triangle as
wide as the new pixel, but at least one old pixel each way: bilinear when enlarging,
antialiased when reducing, the filter of Pillow and torchvision. Soft maps are scaled by
it too, never by nearest. Only the box is read.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.image import Pixels

Line = NDArray[np.float32]
Places = NDArray[np.uint64]


def crop_resize(pixels: Pixels, box: Box, side: int) -> Pixels:
    """Cut a box and scale it to a square: uint8 (S, S, 3) or float32 (S, S).

    Args:
        pixels: uint8 (H, W, 3) or float32 (H, W).
        box: lies within `pixels`.
        side: of the square, in pixels.

    Source: as `torchvision.transforms.v2.functional.resized_crop` with antialiasing.
    """
    if (box.height, box.width) == (side, side):
        return pixels[box.top : box.top + side, box.left : box.left + side].copy()
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    row_length = pixels.shape[1] * channels
    rows, row_weights = taps(box.height, side)
    columns, column_weights = taps(box.width, side)
    scaled = np.empty((side, side, *pixels.shape[2:]), pixels.dtype)
    # Where each new row or column begins to read, in numbers of the flat array.
    starts = (box.top + rows) * row_length + box.left * channels
    _resample(
        np.ascontiguousarray(pixels).reshape(-1),
        (starts.astype(np.uint64), row_weights, np.uint64(row_length)),
        ((columns * channels).astype(np.uint64), column_weights),
        np.uint64(box.width * channels),
        scaled.reshape(-1),
    )
    return scaled


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
    centres = (np.arange(count) + 0.5) * scale
    size = min(int(np.ceil(2 * reach)) + 1, length)
    first = np.clip((centres - reach + 0.5).astype(np.int64), 0, length - size)
    offsets = first[:, np.newaxis] + np.arange(size) + 0.5 - centres[:, np.newaxis]
    weights = np.maximum(0, 1 - np.abs(offsets) / reach)
    weights /= weights.sum(axis=1, keepdims=True)
    return first, weights.astype(np.float32)


# All indices are unsigned: signed ones, which might count from the end, keep the
# compiler from using vector instructions and take four times as long.
@njit(cache=True, nogil=True, error_model="numpy")
def _resample(
    pixels: NDArray[Any],
    rows: tuple[Places, NDArray[np.float32], np.uint64],
    columns: tuple[Places, NDArray[np.float32]],
    length: np.uint64,
    scaled: NDArray[Any],
) -> None:
    """Scale along the columns, then along the rows, one new row at a time."""
    starts, row_weights, stride = rows
    firsts, column_weights = columns
    side = np.uint64(len(starts))
    channels = np.uint64(len(scaled)) // (side * side)
    line = np.empty(length, np.float32)
    for y in range(side):
        _mean_row(pixels, starts[y], stride, row_weights[y], line)
        begin = y * side * channels
        if channels == 3:
            _scale_colours(line, firsts, column_weights, begin, scaled)
        else:
            _scale_greys(line, firsts, column_weights, begin, scaled)


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_row(
    pixels: NDArray[Any],
    start: np.uint64,
    stride: np.uint64,
    weights: NDArray[np.float32],
    line: Line,
) -> None:
    length = np.uint64(len(line))
    weight = weights[0]
    for i in range(length):
        line[i] = weight * np.float32(pixels[start + i])
    for t in range(1, len(weights)):
        start += stride
        weight = weights[t]
        for i in range(length):
            line[i] += weight * np.float32(pixels[start + i])


@njit(cache=True, nogil=True, error_model="numpy")
def _scale_colours(
    line: Line,
    firsts: Places,
    weights: NDArray[np.float32],
    place: np.uint64,
    scaled: NDArray[np.uint8],
) -> None:
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    taps = np.uint64(weights.shape[1])
    for x in range(np.uint64(len(firsts))):
        at = firsts[x]
        red = green = blue = np.float32(0.5)  # rounds
        for t in range(taps):
            weight = weights[x, t]
            red += weight * line[at]
            green += weight * line[at + one]
            blue += weight * line[at + two]
            at += three
        scaled[place] = np.uint8(red)
        scaled[place + one] = np.uint8(green)
        scaled[place + two] = np.uint8(blue)
        place += three


@njit(cache=True, nogil=True, error_model="numpy")
def _scale_greys(
    line: Line,
    firsts: Places,
    weights: NDArray[np.float32],
    place: np.uint64,
    scaled: NDArray[np.float32],
) -> None:
    taps = np.uint64(weights.shape[1])
    for x in range(np.uint64(len(firsts))):
        value = np.float32(0)
        for t in range(taps):
            value += weights[x, t] * line[firsts[x] + t]
        scaled[place + x] = value
