"""What a view shows of an alpha of the whole image, which may have another size.

The alpha is sampled bilinearly, along one axis after the other, so that most of it is
mixing two lines, which is vector work.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.resample import crop_map
from dilo.image import Map, resize


class Places(NamedTuple):
    """Where the rows or columns of a view lie in a map: evenly, in the map's pixels."""

    first: float
    step: float
    number: int


class Taps(NamedTuple):
    """The two lines around each place, and their weights: (S,) each."""

    before: NDArray[np.uint64]
    behind: NDArray[np.uint64]
    near: NDArray[np.float32]  # of the line before
    far: NDArray[np.float32]  # of the line behind


class Sampling(NamedTuple):
    """A map, and where the rows and the columns of a view lie in it."""

    alpha: Map
    rows: Places
    columns: Places


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
    alpha, rows, columns = locate(alpha, shape, box, view_shape)
    return _sample(np.ascontiguousarray(alpha.T), rows, columns)


def locate(
    alpha: Map, shape: tuple[int, ...], box: Box, view_shape: tuple[int, ...]
) -> Sampling:
    """Say what `view_alpha` samples, and where: the alpha itself if it is coarse."""
    if _scales_alike(alpha, shape, box, view_shape):
        # As the view itself was scaled, so that both have the same edges.
        each = Places(0.0, 1.0, view_shape[0])
        return Sampling(crop_map(alpha, box, view_shape[0]), each, each)
    sampling = Sampling(alpha, *sample_places(alpha.shape, shape, box, view_shape))
    steps = sampling.rows.step, sampling.columns.step
    if max(steps) <= 1:
        return sampling
    # Sampling would pass over pixels of a map that is finer than its view.
    sizes = zip(alpha.shape, steps, strict=True)
    alpha = resize(alpha, *(math.ceil(size / max(1, step)) for size, step in sizes))
    return Sampling(alpha, *sample_places(alpha.shape, shape, box, view_shape))


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
    return (
        alpha.shape == shape[:2]
        and view_shape[0] == view_shape[1]
        and min(box.top, box.left) >= 0
        and box.top + box.height <= shape[0]
        and box.left + box.width <= shape[1]
    )


@njit(cache=True, nogil=True)
def _sample(turned: Map, rows: Places, columns: Places) -> NDArray[np.float32]:
    """Write what `view_alpha` returns, from the transposed map."""
    lines, around = _sample_lines(turned, rows, columns)
    shown = np.empty((rows.number, columns.number), np.float32)
    for y in range(rows.number):
        mix_two(lines, around, y, np.uint64(0), shown[y])
    return shown


@njit(cache=True, nogil=True)
def _sample_lines(
    turned: Map, rows: Places, columns: Places
) -> tuple[NDArray[np.float32], Taps]:
    """Sample the rows of a map at the places of the columns.

    Args:
        turned: the map, transposed, C-contiguous.
        rows: of the view.
        columns: of the view, T of them.

    Returns:
        Those rows that the view lies among, float32 (L, T), and which two of them are
        around each row of the view.
    """
    around = tap(rows, turned.shape[1])
    top = around.before[0]
    count_from(around, top)
    beside = tap(columns, len(turned))
    lines = np.empty((around.behind[-1] + np.uint64(1), columns.number), np.float32)
    for x in range(np.uint64(columns.number)):
        before, behind = beside.before[x], beside.behind[x]
        near, far = beside.near[x], beside.far[x]
        for y in range(np.uint64(len(lines))):
            lines[y, x] = near * turned[before, top + y] + far * turned[behind, top + y]
    return lines, around


@njit(cache=True, nogil=True)
def count_from(around: Taps, first: np.uint64) -> None:
    """Count the lines around each place from another first one."""
    for i in range(len(around.before)):
        around.before[i] -= first
        around.behind[i] -= first


@njit(cache=True, nogil=True)
def mix_two(
    lines: NDArray[np.float32],
    taps: Taps,
    place: int,
    begin: np.uint64,
    mixed: NDArray[np.float32],
) -> None:
    """Mix the two lines around a place, from pixel `begin` on: as long as `mixed`.

    A slice of the lines would not do: they must lie side by side to make vectors.
    """
    before, behind = taps.before[place], taps.behind[place]
    near, far = taps.near[place], taps.far[place]
    for x in range(np.uint64(len(mixed))):
        mixed[x] = near * lines[before, begin + x] + far * lines[behind, begin + x]


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
