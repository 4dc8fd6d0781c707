"""Cut a box of an image and resize it with antialiasing.

Each new pixel is the mean of the old ones around its centre, weighted by a triangle as
wide as the new pixel, but at least one old pixel each way: bilinear when enlarging,
antialiased when reducing, the filter of Pillow and torchvision. Only the box is read.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image, Map
from dilo.kernel_cache import njit

Pixels = TypeVar("Pixels", Image, Map)
Taps = tuple[NDArray[np.int64], NDArray[np.float32]]


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
    if image.dtype != np.uint8 or image.shape[2:] != (3,) or not image.size:
        raise InputError(
            f"an image is uint8 (H, W, 3), got {image.dtype} {image.shape}"
        )
    if min(box.height, box.width, *size) < 1:
        raise InputError(f"a crop holds at least one pixel, got {box} at size {size}")
    if not lies_within(box, image.shape):
        image = _extend(image, box)
        box = Box(top=0, left=0, height=box.height, width=box.width)
    bottom, right = box.top + box.height, box.left + box.width
    if (box.height, box.width) == size:
        return image[box.top : bottom, box.left : right].copy()
    rows = find_taps(box.top, box.height, size[0], (box.top, bottom))
    columns = find_taps(0, box.width, size[1], (0, box.width))
    lines = resize_rows(image, rows, (box.left, right))
    return resize_columns(lines, columns)


def resize_columns(pixels: Pixels, columns: Taps) -> Pixels:
    """Weigh old columns to new ones: (H, S, 3) of an Image, (H, S) of a Map.

    They are the rows of the transpose: weighing whole rows is vector work, and pays for
    transposing twice by far.
    """
    turned = cast(Pixels, cv2.transpose(pixels))
    return cast(Pixels, cv2.transpose(resize_rows(turned, columns, (0, len(pixels)))))


def resize_rows(pixels: Pixels, rows: Taps, span: tuple[int, int]) -> Pixels:
    """Weigh old rows to new ones: (S, W, 3) of an Image, (S, W) of a Map.

    Args:
        pixels: an Image or a Map.
        rows: first old row and the weights of each new one, of `find_taps`.
        span: first column that is wanted, and the one behind the last.
    """
    first, weights = rows
    height, width = pixels.shape[:2]
    each = pixels.size // (height * width)  # levels of a pixel
    stride, whole = each * width, pixels.dtype == np.uint8
    new: Any = np.empty(
        (len(first), span[1] - span[0], *pixels.shape[2:]), pixels.dtype
    )
    starts = first * stride + each * span[0]
    levels = np.ascontiguousarray(pixels).reshape(-1)
    _weigh(levels, starts, stride, weights, whole, new.reshape(len(first), -1))
    return cast(Pixels, new)


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


def _extend(image: Image, box: Box) -> Image:
    """Cut a box that leaves the image; the edge goes on beyond: (height, width, 3)."""
    rows = np.arange(box.top, box.top + box.height).clip(0, image.shape[0] - 1)
    columns = np.arange(box.left, box.left + box.width).clip(0, image.shape[1] - 1)
    return image[rows].take(columns, axis=1)


# Indices are unsigned: signed ones, which might count from the end, keep the compiler
# from using vector instructions.
@njit(nogil=True, error_model="numpy")
def _weigh(
    levels: NDArray[Any],
    starts: NDArray[np.int64],
    stride: int,
    weights: NDArray[np.float32],
    whole: bool,
    new: NDArray[Any],
) -> None:
    """Weigh old rows into new ones; `starts` says where the first old row of each is.

    Three rows are enough for most views. Whole levels are rounded.
    """
    total = np.empty(new.shape[1], np.float32)
    for y in range(len(new)):
        if weights.shape[1] <= 3:
            _weigh_three(levels, starts[y], stride, weights[y], total)
        else:
            total[:] = 0
            for t in range(weights.shape[1]):
                weight, place = weights[y, t], np.uint64(starts[y] + t * stride)
                for i in range(np.uint64(len(total))):
                    total[i] += weight * np.float32(levels[place + i])
        row = new[y]
        if whole:
            for i in range(np.uint64(len(total))):
                row[i] = np.int32(total[i] + np.float32(0.5))
        else:
            row[:] = total


@njit(nogil=True, error_model="numpy")
def _weigh_three(
    levels: NDArray[Any],
    start: int,
    stride: int,
    weights: NDArray[np.float32],
    total: NDArray[np.float32],
) -> None:
    """Weigh up to three rows of levels in one pass."""
    last = len(weights) - 1
    a, b = np.uint64(start), np.uint64(start + min(1, last) * stride)
    c = np.uint64(start + last * stride)
    first = weights[0]
    second = weights[1] if last > 0 else np.float32(0)
    third = weights[2] if last > 1 else np.float32(0)
    for i in range(np.uint64(len(total))):
        two = first * np.float32(levels[a + i]) + second * np.float32(levels[b + i])
        total[i] = two + third * np.float32(levels[c + i])
