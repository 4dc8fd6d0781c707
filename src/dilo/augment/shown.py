"""What a view shows of an alpha of the whole image, which may have another size.

The alpha is sampled bilinearly, along one axis after the other, so that all of it is
mixing two lines, which is vector work, in fixed point.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.fixed_point import Words, high_half, plus
from dilo.augment.planes import transpose
from dilo.augment.resample import crop_map
from dilo.image import Map, resize

OPAQUE = (1 << 16) - 1  # an alpha of 1 in fixed point


class Places(NamedTuple):
    """Where the rows or columns of a view lie in a map: evenly, in the map's pixels."""

    first: float
    step: float
    number: int


class Taps(NamedTuple):
    """The two lines around each place, and their weights: (S,) each."""

    before: NDArray[np.int64]
    behind: NDArray[np.int64]
    near: Words  # of the line before
    far: Words  # of the line behind


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
    lines = sample_rows(np.ascontiguousarray(alpha), rows)
    words = transpose(_mix_lines(transpose(lines), columns))
    return words.astype(np.float32) / np.float32(OPAQUE)


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
def sample_rows(alpha: Map, rows: Places) -> Words:
    """Sample an alpha at the rows of a view, in fixed point: (S, columns)."""
    words = np.empty(alpha.shape, np.uint16)
    for y in range(len(alpha)):
        fixed_alpha(alpha[y], words[y])
    return _mix_lines(words, rows)


@njit(cache=True, nogil=True)
def _mix_lines(lines: Words, places: Places) -> Words:
    """Mix the two lines around each place."""
    around = tap(places, len(lines))
    mixed = np.empty((places.number, lines.shape[1]), np.uint16)
    for place in range(places.number):
        mix_two(lines, around, place, mixed[place])
    return mixed


@njit(cache=True, nogil=True)
def fixed_alpha(alpha: NDArray[np.float32], words: Words) -> None:
    """Write alphas in fixed point."""
    for x in range(np.uint64(len(alpha))):
        words[x] = np.uint16(np.int32(alpha[x] * np.float32(OPAQUE) + np.float32(0.5)))


@njit(cache=True, nogil=True)
def mix_two(lines: Words, around: Taps, place: int, mixed: Words) -> None:
    """Mix the two lines around a place: as long as they are."""
    one, other = lines[around.before[place]], lines[around.behind[place]]
    near, far = around.near[place], around.far[place]
    if near == OPAQUE:  # products lose a bit, and this line need not
        mixed[:] = one
        return
    for x in range(np.uint64(len(mixed))):
        mixed[x] = plus(high_half(one[x], near), high_half(other[x], far))


@njit(cache=True, nogil=True)
def tap(places: Places, length: int) -> Taps:
    """Name the two lines around each place, and weigh them; 0 beyond the map."""
    before = np.empty(places.number, np.int64)
    behind = np.empty(places.number, np.int64)
    near = np.empty(places.number, np.uint16)
    far = np.empty(places.number, np.uint16)
    for i in range(places.number):
        place = places.first + i * places.step
        inside = OPAQUE if -0.5 <= place <= length - 0.5 else 0
        within = min(max(place, 0.0), length - 1.0)
        first = int(within)
        before[i], behind[i] = first, min(first + 1, length - 1)
        far[i] = int(inside * (within - first) + 0.5)
        near[i] = inside - far[i]
    return Taps(before, behind, near, far)
