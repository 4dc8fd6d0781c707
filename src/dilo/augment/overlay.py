"""Lay an image over a background through an alpha, in one compiled pass.

The alpha may have another size than the image: it is resampled bilinearly on the way,
so that nothing of the image's size is written but the result.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.resample import crop_resize
from dilo.image import Image, Map, resize


def composite(image: Image, alpha: Map, background: Image) -> Image:
    """Lay `image` over `background` with weights `alpha`: uint8 (H, W, 3).

    Args:
        image: the foreground, uint8 (H, W, 3).
        alpha: float32 (H, W) in [0, 1]; 1 shows `image`, 0 shows `background`.
        background: uint8 (H, W, 3).

    Source: paper, section 5.2: the saliency map is a soft alpha, not a cut-out.
    """
    rows = np.arange(image.shape[0], dtype=np.float32)
    columns = np.arange(image.shape[1], dtype=np.float32)
    return _lay(image, alpha, rows, columns, background)


def composite_view(
    view: Image, alpha: Map, shape: tuple[int, int], box: Box, background: Image
) -> Image:
    """Lay a view over a background, with the alpha of the whole image.

    Args:
        view: what the box shows, scaled to any size, uint8 (S, T, 3).
        alpha: of the whole image, float32 of any size in [0, 1].
        shape: height and width of the image.
        box: in pixels of the image; where it lies outside, the background shows.
        background: uint8 (S, T, 3).
    """
    height, width = view.shape[:2]
    if alpha.shape == shape and height == width and _lies_inside(box, shape):
        # As the view itself was scaled, so that both have the same edges.
        return composite(view, crop_resize(alpha, box, height), background)
    # Pixels of the alpha for one of the view; bilinear sampling would pass over some.
    steps = (
        box.height / height * (alpha.shape[0] / shape[0]),
        box.width / width * (alpha.shape[1] / shape[1]),
    )
    if max(steps) > 1:
        sizes = zip(alpha.shape, steps, strict=True)
        alpha = resize(alpha, *(math.ceil(size / max(1, step)) for size, step in sizes))
    rows, columns = sample_places(alpha.shape, shape, box, view.shape)
    return _lay(view, alpha, rows, columns, background)


def sample_places(
    alpha_shape: tuple[int, ...],
    shape: tuple[int, int],
    box: Box,
    view_shape: tuple[int, ...],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Say where the rows (S,) and columns (T,) of a view lie in a map, in its pixels.

    Pixels are areas: the centre of the first one lies half a pixel from the edge.
    """
    spans = ((box.top, box.height), (box.left, box.width))
    places = []
    for axis, (start, length) in enumerate(spans):
        count = view_shape[axis]
        centres = start + (np.arange(count) + 0.5) * (length / count)
        places.append(centres * (alpha_shape[axis] / shape[axis]) - 0.5)
    return places[0].astype(np.float32), places[1].astype(np.float32)


def _lies_inside(box: Box, shape: tuple[int, int]) -> bool:
    bottom, right = box.top + box.height, box.left + box.width
    return min(box.top, box.left) >= 0 and bottom <= shape[0] and right <= shape[1]


def _lay(
    image: Image,
    alpha: Map,
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    background: Image,
) -> Image:
    result = np.empty(image.shape, np.uint8)
    alpha = np.ascontiguousarray(alpha)  # one kind of array, one compilation
    flat = (image.shape[0], -1)
    over = np.ascontiguousarray(image).reshape(flat)
    under = np.ascontiguousarray(background).reshape(flat)
    _lay_lines(alpha, rows, columns, over, under, result.reshape(flat))
    return result


@njit(cache=True, nogil=True, fastmath=True)
def _lay_lines(
    alpha: Map,
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    image: NDArray[np.uint8],
    background: NDArray[np.uint8],
    result: NDArray[np.uint8],
) -> None:
    """Composite lines (S, 3 T) with `alpha` read at (rows, columns); 0 outside."""
    height, width = alpha.shape
    half = np.float32(0.5)
    left = np.empty(columns.size, np.int32)
    right = np.empty(columns.size, np.int32)
    part = np.empty(columns.size, np.float32)
    inside = np.empty(columns.size, np.float32)
    for x in range(columns.size):
        place = columns[x]
        inside[x] = place >= -half and place <= width - half
        low = np.floor(place)
        part[x] = place - low
        left[x] = min(max(np.int32(low), 0), width - 1)
        right[x] = min(max(np.int32(low) + 1, 0), width - 1)
    line = np.empty(width, np.float32)
    weight = np.empty(3 * columns.size, np.float32)
    for y in range(rows.size):
        place = rows[y]
        if place < -half or place > height - half:
            result[y] = background[y]
            continue
        low = np.floor(place)
        top = min(max(np.int32(low), 0), height - 1)
        bottom = min(max(np.int32(low) + 1, 0), height - 1)
        _mix_line(alpha[top], alpha[bottom], place - low, line)
        for x in range(columns.size):
            first = line[left[x]]
            value = inside[x] * (first + part[x] * (line[right[x]] - first))
            weight[3 * x] = value
            weight[3 * x + 1] = value
            weight[3 * x + 2] = value
        _blend_line(image[y], background[y], weight, result[y])


@njit(cache=True, nogil=True, fastmath=True)
def _mix_line(
    above: NDArray[np.float32],
    below: NDArray[np.float32],
    part: np.float32,
    line: NDArray[np.float32],
) -> None:
    for i in range(line.size):
        line[i] = above[i] + part * (below[i] - above[i])


@njit(cache=True, nogil=True, fastmath=True)
def _blend_line(
    over: NDArray[np.uint8],
    under: NDArray[np.uint8],
    weight: NDArray[np.float32],
    line: NDArray[np.uint8],
) -> None:
    for i in range(line.size):
        base = np.float32(under[i])
        mixed = base + weight[i] * (np.float32(over[i]) - base)
        line[i] = np.uint8(np.int32(np.rint(mixed)))
