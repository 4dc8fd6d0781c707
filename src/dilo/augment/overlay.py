"""Lay an image over a background through an alpha, in one compiled pass.

The alpha may have another size than the image: it is resampled bilinearly on the way,
so that nothing of the image's size is written but the result.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.resample import crop_resize
from dilo.image import Image, Map, resize

# Weights are whole numbers of this in the fused pass: products of 8-bit levels then fit
# 32 bits, and no level is off by more than a hundredth.
_ONE = 1 << 15


class Places(NamedTuple):
    """Where the rows or columns of a view lie in a map: evenly, in the map's pixels."""

    first: float
    step: float
    number: int


class Taps(NamedTuple):
    """The two pixels of a line around each place, and their weights: (N,) each."""

    before: NDArray[np.uint64]
    behind: NDArray[np.uint64]
    near: NDArray[np.float32]
    far: NDArray[np.float32]


def composite(image: Image, alpha: Map, background: Image) -> Image:
    """Lay `image` over `background` with weights `alpha`: uint8 (H, W, 3).

    Args:
        image: the foreground, uint8 (H, W, 3).
        alpha: float32 (H, W) in [0, 1]; 1 shows `image`, 0 shows `background`.
        background: uint8 (H, W, 3).

    Source: paper, section 5.2: the saliency map is a soft alpha, not a cut-out.
    """
    result = np.empty(image.shape, np.uint8)
    over, weights, under = map(np.ascontiguousarray, (image, alpha, background))
    _lay(over.reshape(-1), weights.reshape(-1), under.reshape(-1), result.reshape(-1))
    return result


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
    if _scales_alike(alpha, shape, box, view.shape):
        return composite(view, view_alpha(alpha, shape, box, view.shape), background)
    alpha = _coarsen(alpha, shape, box, view.shape)
    rows, columns = sample_places(alpha.shape, shape, box, view.shape)
    result = np.empty(view.shape, np.uint8)
    if background.strides[0] == 0:
        background = background[:1]  # one row for all, as greys have
    over, under = map(np.ascontiguousarray, (view, background))
    flat = over.reshape(-1), under.reshape(-1), result.reshape(-1)
    _lay_sampled(np.ascontiguousarray(alpha), rows, columns, *flat)
    return result


def view_alpha(
    alpha: Map, shape: tuple[int, int], box: Box, view_shape: tuple[int, ...]
) -> Map:
    """Give what a view shows of an alpha, with 0 beyond the image: float32 (S, T)."""
    if _scales_alike(alpha, shape, box, view_shape):
        # As the view itself was scaled, so that both have the same edges.
        return crop_resize(alpha, box, view_shape[0])
    alpha = _coarsen(alpha, shape, box, view_shape)
    rows, columns = sample_places(alpha.shape, shape, box, view_shape)
    shown = np.empty(view_shape[:2], np.float32)
    _sample(np.ascontiguousarray(alpha), rows, columns, shown)
    return shown


def sample_places(
    alpha_shape: tuple[int, ...],
    shape: tuple[int, int],
    box: Box,
    view_shape: tuple[int, ...],
) -> tuple[Places, Places]:
    """Say where the rows and the columns of a view lie in a map.

    Pixels are areas: the centre of the first one lies half a pixel from the edge.
    """
    return (
        _places(alpha_shape[0], shape[0], (box.top, box.height), view_shape[0]),
        _places(alpha_shape[1], shape[1], (box.left, box.width), view_shape[1]),
    )


def _places(cells: int, size: int, span: tuple[int, int], count: int) -> Places:
    start, length = span
    scale, step = cells / size, length / count
    return Places((start + 0.5 * step) * scale - 0.5, step * scale, count)


def _scales_alike(
    alpha: Map, shape: tuple[int, int], box: Box, view_shape: tuple[int, ...]
) -> bool:
    """Tell whether a view's alpha can be made just as the view itself was."""
    inside = (
        min(box.top, box.left) >= 0
        and box.top + box.height <= shape[0]
        and box.left + box.width <= shape[1]
    )
    return inside and alpha.shape == shape and view_shape[0] == view_shape[1]


def _coarsen(
    alpha: Map, shape: tuple[int, int], box: Box, view_shape: tuple[int, ...]
) -> Map:
    """Reduce a map finer than its view, of which sampling would pass over pixels."""
    steps = (
        box.height / view_shape[0] * (alpha.shape[0] / shape[0]),
        box.width / view_shape[1] * (alpha.shape[1] / shape[1]),
    )
    if max(steps) <= 1:
        return alpha
    sizes = zip(alpha.shape, steps, strict=True)
    return resize(alpha, *(math.ceil(size / max(1, step)) for size, step in sizes))


@njit(cache=True, nogil=True)
def _lay_sampled(
    alpha: Map,
    rows: Places,
    columns: Places,
    image: NDArray[np.uint8],
    background: NDArray[np.uint8],
    result: NDArray[np.uint8],
) -> None:
    """Sample the alpha of one row of the view after the other, and composite it."""
    three, half = np.uint64(3), np.int32(_ONE >> 1)
    width = np.uint64(columns.number)
    lines, taps = _sample_along(alpha, rows, columns)
    weights = np.empty(3 * columns.number, np.uint16)  # each thrice, once for a level
    for y in range(rows.number):
        above, below = taps.before[y], taps.behind[y]
        near, far = taps.near[y] * np.float32(_ONE), taps.far[y] * np.float32(_ONE)
        for x in range(width):
            level = near * lines[above, x] + far * lines[below, x] + np.float32(0.5)
            weight = np.uint16(np.int32(level))
            weights[three * x] = weight
            weights[three * x + np.uint64(1)] = weight
            weights[three * x + np.uint64(2)] = weight
        start = np.uint64(y) * three * width
        below = start % np.uint64(len(background))
        for i in range(three * width):
            under = np.int32(background[below + i])
            rise = np.int32(weights[i]) * (np.int32(image[start + i]) - under)
            result[start + i] = np.uint8(under + ((rise + half) >> np.int32(15)))


@njit(cache=True, nogil=True)
def _sample(
    alpha: Map, rows: Places, columns: Places, shown: NDArray[np.float32]
) -> None:
    """Write what `view_alpha` returns."""
    lines, taps = _sample_along(alpha, rows, columns)
    for y in range(rows.number):
        above, below = taps.before[y], taps.behind[y]
        near, far = taps.near[y], taps.far[y]
        for x in range(np.uint64(columns.number)):
            shown[y, x] = near * lines[above, x] + far * lines[below, x]


@njit(cache=True, nogil=True)
def _sample_along(
    alpha: Map, rows: Places, columns: Places
) -> tuple[NDArray[np.float32], Taps]:
    """Sample those rows of a map that a view shows at the places of its columns.

    Returns:
        The sampled rows, and which of them lie around each row of the view.
    """
    around, beside = _tap(rows, len(alpha)), _tap(columns, alpha.shape[1])
    top = np.uint64(min(around.before[0], around.before[-1]))
    count = np.uint64(around.behind.max()) - top + np.uint64(1)
    lines = np.empty((count, columns.number), np.float32)
    for y in range(count):
        for x in range(np.uint64(columns.number)):
            left, right = beside.before[x], beside.behind[x]
            lines[y, x] = (
                beside.near[x] * alpha[top + y, left]
                + beside.far[x] * alpha[top + y, right]
            )
    for y in range(rows.number):
        around.before[y] -= top
        around.behind[y] -= top
    return lines, around


@njit(cache=True, nogil=True)
def _tap(places: Places, length: int) -> Taps:
    """Name the two pixels around each place, and weigh them; 0 beyond the map."""
    before = np.empty(places.number, np.uint64)
    behind = np.empty(places.number, np.uint64)
    near = np.empty(places.number, np.float32)
    far = np.empty(places.number, np.float32)
    for i in range(places.number):
        place = places.first + i * places.step
        inside = np.float32(place >= -0.5 and place <= length - 0.5)
        within = min(max(place, 0.0), length - 1.0)
        first = int(within)
        before[i], behind[i] = first, min(first + 1, length - 1)
        far[i] = inside * np.float32(within - first)
        near[i] = inside - far[i]
    return Taps(before, behind, near, far)


@njit(cache=True, nogil=True)
def _lay(
    image: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    background: NDArray[np.uint8],
    result: NDArray[np.uint8],
) -> None:
    """Composite flat arrays, three levels a pixel; unsigned indices make vectors."""
    for i in range(np.uint64(len(alpha))):
        for c in range(np.uint64(3)):
            place = i * np.uint64(3) + c
            under = np.float32(background[place])
            level = under + alpha[i] * (np.float32(image[place]) - under)
            result[place] = np.uint8(np.int32(np.rint(level)))
