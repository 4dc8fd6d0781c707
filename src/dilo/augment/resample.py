"""Cut a box and scale it with antialiasing.

Each new pixel is the mean of the old ones around its centre, weighted by a triangle as
wide as the new pixel, but at least one old pixel each way: bilinear when enlarging,
antialiased when reducing, the filter of Pillow and torchvision. Soft maps are scaled by
it too, never by nearest. Only the box is read.

Images are mixed in fixed point, with eight bits behind the point: one level in two
hundred is another than in float32, by one.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.fixed_point import ONE, Words, high_half, plus
from dilo.augment.planes import Lines, Planes, join, split, take_apart, transpose
from dilo.image import Image, Map
from dilo.kernel_cache import njit

_LEVEL = np.uint16(8)  # bits behind the point of levels while they are mixed


class Window(NamedTuple):
    """A part of a view, in pixels: from one row or column on, and up to another."""

    top: int
    bottom: int
    left: int
    right: int


class Side(NamedTuple):
    """A side of a box and of its view, whose rows lie somewhere in a line of levels."""

    start: int  # of the first old row
    stride: int  # levels from one old row to the next
    old: int  # rows of the box
    new: int  # rows of the view


def crop_resize(image: Image, box: Box, side: int) -> Image:
    """Cut a box of an image and scale it to a square: uint8 (S, S, 3).

    Args:
        image: uint8 (H, W, 3).
        box: lies within `image`.
        side: of the square, in pixels.

    Source: as `torchvision.transforms.v2.functional.resized_crop` with antialiasing.
    """
    return join(scale_planes(image, box, side, side))


def crop_map(saliency: Map, box: Box, side: int) -> Map:
    """Cut a box of a map and scale it to a square: float32 (S, S), as `crop_resize`."""
    if (box.height, box.width) == (side, side):
        return saliency[box.top : box.top + side, box.left : box.left + side].copy()
    lines = np.empty((side, box.width), np.float32)
    levels = np.ascontiguousarray(saliency).reshape(-1)
    _scale_map_rows(levels, box_rows(saliency, box, side), lines)
    columns = Side(0, side, box.width, side)
    scaled = np.empty((side, side), np.float32)
    _scale_map_rows(transpose(lines).reshape(-1), columns, scaled)
    return transpose(scaled)


def scale_planes(
    image: Image, box: Box, height: int, width: int, *, flip: bool = False
) -> Planes:
    """Cut a box of an image and scale it: uint8 (3, height, width).

    Arguments as `scale_turned`.
    """
    turned = scale_turned(image, box, height, width, flip=flip)
    return transpose(turned).reshape(3, height, width)


def scale_turned(
    image: Image,
    box: Box,
    height: int,
    width: int,
    *,
    flip: bool = False,
    window: Window | None = None,
) -> Lines:
    """Cut a box of an image and scale it: its columns, uint8 (width, 3 height).

    Args:
        image: uint8 (H, W, 3).
        box: lies within `image`.
        height: in pixels.
        width: in pixels.
        flip: mirror it left and right.
        window: what is needed, before it is mirrored; beside it is anything.
    """
    if (box.height, box.width) == (height, width):
        cut = image[box.top : box.top + height, box.left : box.left + width]
        return transpose(split(cut[:, ::-1] if flip else cut).reshape(-1, width))
    window = window or Window(0, height, 0, width)
    top, bottom, left, right = window
    scaled = np.empty((width, 3 * height), np.uint8)
    if bottom <= top or right <= left:
        return scaled
    begin, end = tapped(box.width, width, left, right)
    levels = np.ascontiguousarray(image).reshape(-1)
    lines = np.empty((3 * height, end - begin), np.uint8)
    rows = box_rows(image, box, height)
    rows = rows._replace(start=rows.start + 3 * begin)
    _scale_apart(levels, rows, top, bottom, lines)
    # The columns of new rows are the rows of their transpose: mixing whole rows is
    # vector work, and pays for transposing twice by far.
    turned = transpose(lines)
    columns = Side(-begin * 3 * height, 3 * height, box.width, width)
    _scale_rows(turned.reshape(-1), columns, left, right, flip, scaled)
    return scaled


def box_rows(pixels: Image | Map, box: Box, height: int) -> Side:
    """Say where the rows of a box lie, which are scaled to a height."""
    stride = pixels[0].size
    start = box.top * stride + box.left * (stride // pixels.shape[1])
    return Side(start, stride, box.height, height)


@njit(nogil=True)
def taps(length: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Say which old pixels make each new one, along one side of a box.

    Args:
        length: number of old pixels; there are none beyond.
        count: number of new pixels.

    Returns:
        First old pixel of each new one, (count,), and the weights of the pixels from
        there on, (count, T), which sum to 1.
    """
    scale, reach, size = _triangle(length, count)
    share = 1 / reach
    first = np.empty(count, np.int64)
    weights = np.empty((count, size), np.float32)
    for new in range(count):
        centre = (new + 0.5) * scale
        begin = _first_tap(centre - reach, length - size)
        first[new] = begin
        total = 0.0
        for t in range(size):
            weight = max(0.0, 1.0 - abs(begin + t + 0.5 - centre) * share)
            weights[new, t] = weight
            total += weight
        norm = np.float32(1 / total)
        for t in range(size):
            weights[new, t] *= norm
    return first, weights


@njit(nogil=True)
def _triangle(length: int, count: int) -> tuple[float, float, int]:
    """Say how wide a new pixel is, how far it looks each way, and at how many."""
    scale = length / count
    reach = max(scale, 1.0)
    return scale, reach, min(math.ceil(2 * reach), length)


@njit(nogil=True)
def _first_tap(edge: float, last: int) -> int:
    return min(max(int(np.floor(edge + 0.5)), 0), last)


@njit(nogil=True)
def tapped(length: int, count: int, begin: int, end: int) -> tuple[int, int]:
    """Say which old pixels make some of the new ones, of which `taps` tells each.

    Args:
        length: number of old pixels.
        count: number of new pixels.
        begin: first new pixel.
        end: the one behind the last; more than `begin`.

    Returns:
        The first old pixel, and the one behind the last.
    """
    scale, reach, size = _triangle(length, count)
    first = _first_tap((begin + 0.5) * scale - reach, length - size)
    last = _first_tap((end - 0.5) * scale - reach, length - size)
    return first, last + size


@njit(nogil=True)
def fixed_taps(length: int, count: int) -> tuple[NDArray[np.int64], Words]:
    """Give `taps` with weights of 16 bits, (count, T), which sum to 1.

    A weight of 1 itself becomes the largest there is.
    """
    first, weights = taps(length, count)
    words = np.empty(weights.shape, np.uint16)
    last = weights.shape[1] - 1
    for new in range(count):
        # Sums are rounded, and their differences taken, so that nothing is left over.
        total, done = np.float64(0), 0
        for t in range(last):
            total += weights[new, t]
            upto = int(total * ONE + 0.5)
            words[new, t] = min(upto - done, ONE - 1)
            done = upto
        words[new, last] = min(ONE - done, ONE - 1)
    return first, words


@njit(nogil=True)
def half_level(count: int) -> int:
    """Say what is added to a sum of products before its last eight bits are cut off.

    That is half a level, and half a bit for each product; at most what leaves white at
    its level. So reducing by more than 127 darkens a little.
    """
    return min(128 + count // 2, 255)


@njit(nogil=True, error_model="numpy")
def _scale_apart(
    levels: NDArray[np.uint8], side: Side, begin: int, end: int, scaled: Lines
) -> None:
    """Write new rows of an image from one on and up to another.

    First all of their red, then green, then blue.
    """
    first, weights = fixed_taps(side.old, side.new)
    line = np.empty(3 * scaled.shape[1], np.uint16)
    for y in range(begin, end):
        start = np.uint64(side.start + first[y] * side.stride)
        mix_line(levels, start, np.uint64(side.stride), weights[y], line)
        take_apart(line, scaled[y], scaled[side.new + y], scaled[2 * side.new + y])


@njit(nogil=True, error_model="numpy")
def _scale_rows(
    levels: NDArray[np.uint8],
    side: Side,
    begin: int,
    end: int,
    back: bool,
    scaled: Lines,
) -> None:
    """Write new rows from one on and up to another; if back, the last one first."""
    first, weights = fixed_taps(side.old, side.new)
    line = np.empty(scaled.shape[1], np.uint16)
    for y in range(begin, end):
        start = np.uint64(side.start + first[y] * side.stride)
        mix_line(levels, start, np.uint64(side.stride), weights[y], line)
        new = scaled[len(scaled) - 1 - y if back else y]
        for i in range(np.uint64(len(line))):
            new[i] = line[i]


@njit(nogil=True, error_model="numpy")
def _scale_map_rows(levels: NDArray[np.float32], side: Side, scaled: Map) -> None:
    """Write new rows of a map, each from the old rows around it."""
    first, weights = taps(side.old, side.new)
    for y in range(len(scaled)):
        start = np.uint64(side.start + first[y] * side.stride)
        line = scaled[y]
        line[:] = 0
        for t in range(weights.shape[1]):
            weight = weights[y, t]
            place = start + np.uint64(t * side.stride)
            for i in range(np.uint64(len(line))):
                line[i] += weight * levels[place + i]


# All indices are unsigned: signed ones, which might count from the end, keep the
# compiler from using vector instructions and take four times as long. Lines have 16
# bits, for it counts the lanes of a vector by the widest of what is read and written.
@njit(nogil=True, error_model="numpy")
def mix_line(
    levels: NDArray[np.uint8],
    start: np.uint64,
    stride: np.uint64,
    weights: Words,
    line: Words,
) -> None:
    """Weigh old rows, the first of which begins at `start`, into a line of levels."""
    count = len(weights)
    half = np.uint16(half_level(count))
    if count <= 3:
        _mix_three(levels, start, stride, weights, half, line)
        return
    _mix_four(levels, start, stride, weights, half, line)
    for t in range(4, count):
        place, weight = start + np.uint64(t) * stride, weights[t]
        for i in range(np.uint64(len(line))):
            level = np.uint16(levels[place + i]) << _LEVEL
            line[i] = plus(line[i], high_half(level, weight))
    for i in range(np.uint64(len(line))):
        line[i] >>= _LEVEL


@njit(nogil=True, error_model="numpy", inline="never")
def _mix_three(
    levels: NDArray[np.uint8],
    start: np.uint64,
    stride: np.uint64,
    weights: Words,
    half: np.uint16,
    line: Words,
) -> None:
    """Weigh up to three rows to whole levels, which is what most views need."""
    count = len(weights)
    second = start + stride if count > 1 else start
    third = second + stride if count > 2 else start
    w0 = weights[0]
    w1 = weights[1] if count > 1 else np.uint16(0)
    w2 = weights[2] if count > 2 else np.uint16(0)
    for i in range(np.uint64(len(line))):
        one = high_half(np.uint16(levels[start + i]) << _LEVEL, w0)
        two = high_half(np.uint16(levels[second + i]) << _LEVEL, w1)
        three = high_half(np.uint16(levels[third + i]) << _LEVEL, w2)
        line[i] = plus(plus(one, two), plus(three, half)) >> _LEVEL


@njit(nogil=True, error_model="numpy", inline="never")
def _mix_four(
    levels: NDArray[np.uint8],
    start: np.uint64,
    stride: np.uint64,
    weights: Words,
    half: np.uint16,
    line: Words,
) -> None:
    """Weigh the first four rows, with the bits behind the point."""
    second = start + stride
    third = second + stride
    fourth = third + stride
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    for i in range(np.uint64(len(line))):
        one = high_half(np.uint16(levels[start + i]) << _LEVEL, w0)
        two = high_half(np.uint16(levels[second + i]) << _LEVEL, w1)
        three = high_half(np.uint16(levels[third + i]) << _LEVEL, w2)
        four = high_half(np.uint16(levels[fourth + i]) << _LEVEL, w3)
        line[i] = plus(plus(plus(one, two), plus(three, four)), half)
