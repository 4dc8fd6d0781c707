"""What a view shows of an alpha of the whole image, which may have another size.

The alpha is sampled bilinearly, along one axis after the other; both times whole lines
are mixed, which is vector work.
"""

import math
from typing import NamedTuple, cast

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.resample import crop_resize
from dilo.image import Map, resize


class Places(NamedTuple):
    """Where the rows or columns of a view lie in a map: evenly, in the map's pixels."""

    first: float
    step: float
    number: int


class Rows(NamedTuple):
    """The rows of an alpha that a view shows: places among lines as wide as the view.

    The two lines around each place are still to be mixed.
    """

    lines: NDArray[np.float32]  # (L, T)
    places: Places


class Taps(NamedTuple):
    """The two lines around each place, and their weights: (S,) each."""

    before: NDArray[np.uint64]
    behind: NDArray[np.uint64]
    near: NDArray[np.float32]  # of the line before
    far: NDArray[np.float32]  # of the line behind


def view_alpha(
    alpha: Map, shape: tuple[int, ...], box: Box, view_shape: tuple[int, ...]
) -> Map:
    """Give what a view shows of an alpha, with 0 beyond the image: float32 (S, T).

    Args:
        alpha: of the whole image, float32 of any size.
        shape: height and width of the image.
        box: what the view shows, in pixels of the image.
        view_shape: S and T, of the view.
    """
    return sample(*view_rows(alpha, shape, box, view_shape))


def view_rows(
    alpha: Map, shape: tuple[int, ...], box: Box, view_shape: tuple[int, ...]
) -> Rows:
    """Prepare the rows of `view_alpha`, of which two lines each are to be mixed."""
    if _scales_alike(alpha, shape, box, view_shape):
        # As the view itself was scaled, so that both have the same edges.
        lines = crop_resize(alpha, box, view_shape[0])
        return Rows(lines, Places(0.0, 1.0, view_shape[0]))
    alpha = _coarsen(alpha, shape, box, view_shape)
    rows, columns = sample_places(alpha.shape, shape, box, view_shape)
    # Of lines that no place lies at, those beside the first and the last remain.
    last = rows.first + (rows.number - 1) * rows.step
    top = min(max(int(rows.first), 0), len(alpha) - 1)
    bottom = min(max(int(last) + 2, top + 1), len(alpha))
    across = sample(np.ascontiguousarray(alpha[top:bottom].T), columns)
    lines = cast(Map, cv2.transpose(across))
    return Rows(lines, Places(rows.first - top, rows.step, rows.number))


def sample_places(
    alpha_shape: tuple[int, ...],
    shape: tuple[int, ...],
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
    alpha: Map, shape: tuple[int, ...], box: Box, view_shape: tuple[int, ...]
) -> bool:
    """Tell whether a view's alpha can be made just as the view itself was."""
    inside = (
        min(box.top, box.left) >= 0
        and box.top + box.height <= shape[0]
        and box.left + box.width <= shape[1]
    )
    return inside and alpha.shape == shape[:2] and view_shape[0] == view_shape[1]


def _coarsen(
    alpha: Map, shape: tuple[int, ...], box: Box, view_shape: tuple[int, ...]
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
def sample(lines: NDArray[np.float32], places: Places) -> NDArray[np.float32]:
    """Mix the two lines around each place: (L, T) gives (S, T)."""
    taps = tap(places, len(lines))
    mixed = np.empty((places.number, lines.shape[1]), np.float32)
    for y in range(places.number):
        mix_two(lines, taps, y, mixed[y])
    return mixed


@njit(cache=True, nogil=True)
def tap(places: Places, length: int) -> Taps:
    """Name the two lines around each place, and weigh them; 0 beyond the map."""
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
def mix_two(
    lines: NDArray[np.float32], taps: Taps, y: int, mixed: NDArray[np.float32]
) -> None:
    """Write the mix of the two lines around place `y`."""
    before, behind = taps.before[y], taps.behind[y]
    near, far = taps.near[y], taps.far[y]
    for x in range(np.uint64(len(mixed))):
        mixed[x] = near * lines[before, x] + far * lines[behind, x]
