"""Cut a box of an image and resize it with antialiasing.

Each new pixel is the mean of the old ones around its centre, weighted by a triangle as
wide as the new pixel, but at least one old pixel each way: bilinear when enlarging,
antialiased when reducing, the filter of Pillow and torchvision. Only the box is read.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image, Map, check_image
from dilo.kernel_cache import njit

# Where the first new pixel begins and how long all are, in old pixels; and the first
# old pixel that may be used, and the one behind the last.
Span = tuple[float, float, tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle of pixels of an image."""

    top: int
    left: int
    height: int
    width: int


def crop_resize(image: Image, box: Box, size: tuple[int, int]) -> Image:
    """Cut a box of an image and resize it: uint8 (height, width, 3).

    Args:
        image: uint8 (H, W, 3).
        box: in pixels of `image`; where it leaves it, the image's edge goes on.
        size: height and width of the result, in pixels.

    Raises:
        InputError: `image` is no Image, or the box or the size holds no pixel.

    Source: as `torchvision.transforms.v2.functional.resized_crop` with antialiasing.
    """
    check_image(image)
    if min(box.height, box.width, *size) < 1:
        raise InputError(f"a crop holds at least one pixel, got {box} at size {size}")
    if not lies_within(box, image.shape):
        image = _extend(image, box)
        box = Box(top=0, left=0, height=box.height, width=box.width)
    bottom, right = box.top + box.height, box.left + box.width
    if (box.height, box.width) == size:
        return image[box.top : bottom, box.left : right].copy()
    rows = box.top, box.height, (box.top, bottom)
    columns = 0, box.width, (0, box.width)
    lines = _resize_rows(image, rows, size[0], box.left, right)
    # Weighing whole rows is vector work, and pays for transposing twice by far.
    turned = cast(Image, cv2.transpose(lines))
    turned = _resize_rows(turned, columns, size[1], 0, size[0])
    return cast(Image, cv2.transpose(turned))


def resample_map(pixels: Map, down: Span, across: Span, size: tuple[int, int]) -> Map:
    """Sample a map where the pixels of a view lie: float32 of `size`.

    Args:
        pixels: float32 (H, W).
        down: the view's rows.
        across: the view's columns.
        size: height and width of the result, in pixels.
    """
    new = np.empty(size, np.float32)
    _resample_map(np.ascontiguousarray(pixels), down, across, new)
    return new


@njit(nogil=True)
def find_taps(
    start: float, length: float, count: int, limits: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the old pixels that make each new one, along one side.

    Args:
        start: where the first new pixel begins, in old pixels.
        length: of all new pixels together, in old pixels.
        count: number of new pixels.
        limits: first old pixel that may be used, and the one behind the last.

    Returns:
        First old pixel of each new one, (count,), and the weights of the pixels from
        there on, float32 (count, T). They sum to 1, or to 0 where the new pixel's
        centre lies outside the limits.
    """
    low, high = limits
    scale = length / count
    reach = max(scale, 1.0)
    size = min(math.ceil(2 * reach), high - low)
    first = np.empty(count, np.int64)
    weights = np.zeros((count, size), np.float32)
    for new in range(count):
        centre = start + (new + 0.5) * scale
        begin = min(max(math.floor(centre - reach + 0.5), low), high - size)
        first[new] = begin
        if not low <= centre <= high:
            continue
        total = 0.0
        for t in range(size):
            weight = max(0.0, 1.0 - abs(begin + t + 0.5 - centre) / reach)
            weights[new, t] = weight
            total += weight
        for t in range(size):
            weights[new, t] /= total
    return first, weights


def lies_within(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether an image of this shape holds all of a box."""
    bottom, right = box.top + box.height, box.left + box.width
    return min(box.top, box.left) >= 0 and bottom <= shape[0] and right <= shape[1]


def _resize_rows(image: Image, down: Span, count: int, left: int, right: int) -> Image:
    """Weigh old rows to new ones, from one column to another: (count, W, 3)."""
    new = np.empty((count, right - left, 3), np.uint8)
    levels = np.ascontiguousarray(image).reshape(len(image), -1)
    _resize_levels(levels, down, 3 * left, new.reshape(count, -1))
    return new


def _extend(image: Image, box: Box) -> Image:
    """Cut a box that leaves the image; the edge goes on beyond: (height, width, 3)."""
    rows = np.arange(box.top, box.top + box.height).clip(0, image.shape[0] - 1)
    columns = np.arange(box.left, box.left + box.width).clip(0, image.shape[1] - 1)
    return image[rows].take(columns, axis=1)


@njit(nogil=True, error_model="numpy")
def _resize_levels(
    levels: NDArray[np.uint8], down: Span, begin: int, new: NDArray[np.uint8]
) -> None:
    first, weights = find_taps(down[0], down[1], len(new), down[2])
    _weigh(levels, first, weights, begin, np.float32(0.5), new)


@njit(nogil=True, error_model="numpy")
def _resample_map(pixels: Map, down: Span, across: Span, new: Map) -> None:
    """Weigh columns, of those rows alone that the view shows, then rows."""
    first, weights = find_taps(down[0], down[1], new.shape[0], down[2])
    left, shares = find_taps(across[0], across[1], new.shape[1], across[2])
    top, bottom = first[0], first[-1] + weights.shape[1]
    wide = np.zeros((bottom - top, new.shape[1]), np.float32)
    for t in range(shares.shape[1]):
        share, place = shares[:, t].copy(), left + t
        for y in range(len(wide)):
            line, row = pixels[top + y], wide[y]
            for x in range(np.uint64(len(row))):
                row[x] += share[x] * line[np.uint64(place[x])]
    _weigh(wide, first - top, weights, 0, np.float32(0), new)


# Indices are unsigned: signed ones, which might count from the end, keep the compiler
# from using vector instructions.
@njit(nogil=True, error_model="numpy")
def _weigh(
    levels: NDArray[Any],
    first: NDArray[np.int64],
    weights: NDArray[np.float32],
    begin: int,
    half: np.float32,
    new: NDArray[Any],
) -> None:
    """Weigh rows of levels from column `begin` on, and add `half`, to round them.

    Four old rows are enough for most views, and are weighed in one pass.
    """
    taps, end = weights.shape[1], begin + new.shape[1]
    total = np.empty(new.shape[1], np.float32)
    for y in range(len(new)):
        row, top = new[y], first[y]
        if taps <= 4:
            _weigh_few(levels[top : top + taps, begin:end], weights[y], half, row)
            continue
        total[:] = half
        for t in range(taps):
            weight, line = weights[y, t], levels[top + t][begin:end]
            for x in range(np.uint64(len(line))):
                total[x] += weight * np.float32(line[x])
        for x in range(np.uint64(len(row))):
            row[x] = total[x]


@njit(nogil=True, error_model="numpy")
def _weigh_few(
    lines: NDArray[Any], weights: NDArray[np.float32], half: np.float32, new: Any
) -> None:
    """Weigh one to four lines."""
    last, size = len(lines) - 1, np.uint64(len(new))
    a, b = lines[0], lines[min(1, last)]
    of_a, of_b = weights[0], weights[1] if last > 0 else np.float32(0)
    if last < 2:
        for x in range(size):
            new[x] = of_a * np.float32(a[x]) + of_b * np.float32(b[x]) + half
        return
    c, of_c = lines[2], weights[2]
    if last == 2:
        for x in range(size):
            upper = of_a * np.float32(a[x]) + of_b * np.float32(b[x])
            new[x] = upper + of_c * np.float32(c[x]) + half
        return
    d, of_d = lines[3], weights[3]
    for x in range(size):
        upper = of_a * np.float32(a[x]) + of_b * np.float32(b[x])
        lower = of_c * np.float32(c[x]) + of_d * np.float32(d[x])
        new[x] = upper + lower + half
