"""What a view shows of an alpha of the whole image, which may have another size.

The alpha is sampled bilinearly, along one axis after the other, so that all of it is
mixing two lines, which is vector work, in fixed point.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.fixed_point import Words, high_half, plus
from dilo.augment.planes import transpose
from dilo.augment.resample import Window, crop_map
from dilo.image import Map, resize
from dilo.kernel_cache import njit

OPAQUE = (1 << 16) - 1  # an alpha of 1 in fixed point
_LANES = 16  # of a vector, in words


class Places(NamedTuple):
    """Where the rows or columns of a view lie in a map: evenly, in the map's pixels."""

    first: float
    step: float
    number: int


class Sampling(NamedTuple):
    """A map, and where the rows and the columns of a view lie in it."""

    alpha: Map
    rows: Places
    columns: Places


class Shown(NamedTuple):
    """What a view shows of an alpha: sampled at its rows, not yet at its columns."""

    lines: Words  # the alpha's columns around those of the view, (C, S)
    columns: Places  # of the view, among them
    window: Window  # of the view; beside it the alpha is 0


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
    shown = sample(alpha, shape, box, view_shape)
    words = transpose(_mix_lines(shown.lines, shown.columns))
    return words.astype(np.float32) / np.float32(OPAQUE)


def sample(
    alpha: Map, shape: tuple[int, ...], box: Box, view_shape: tuple[int, ...]
) -> Shown:
    """Sample of an alpha what a view shows, at its rows; arguments as `view_alpha`."""
    alpha, rows, columns = _locate(alpha, shape, box, view_shape)
    begin, end = _span(columns, alpha.shape[1])
    columns = columns._replace(first=columns.first - begin)
    alpha = np.ascontiguousarray(alpha)
    lines, *window = _sample_rows(alpha, rows, columns, begin, end)
    return Shown(transpose(lines), columns, Window(*window))


def _locate(
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


def _span(places: Places, length: int) -> tuple[int, int]:
    """Say which of a map's lines are mixed: from one on, and up to another."""
    last = places.first + (places.number - 1) * places.step
    begin = min(max(math.floor(places.first), 0), length - 1)
    end = min(max(math.floor(last) + 2, begin + 1), length)
    # Whole vectors, where there are as many lines: a rest is mixed one by one.
    count = -(-(end - begin) // _LANES) * _LANES
    end = min(begin + count, length)
    return max(end - count, 0), end


@njit(nogil=True, error_model="numpy")
def _sample_rows(
    alpha: Map, rows: Places, columns: Places, begin: int, end: int
) -> tuple[Words, int, int, int, int]:
    """Sample some columns of an alpha at the rows of a view: (S, columns).

    And say where the view shows anything of the alpha, as a `Window` does.
    """
    words = np.empty((len(alpha), end - begin), np.uint16)
    across = np.zeros(end - begin, np.uint16)
    down = np.zeros(len(alpha), np.uint16)
    for y in range(len(alpha)):
        fixed_alpha(alpha[y, begin:end], words[y])
        down[y] = _gather(words[y], across)
    top, bottom = _show_span(down, rows)
    left, right = _show_span(across, columns)
    return _mix_lines(words, rows), top, bottom, left, right


@njit(nogil=True)
def _gather(words: Words, across: Words) -> np.uint16:
    """Add the bits of words to those of others, and to each other."""
    along = np.uint32(0)
    for x in range(np.uint64(len(words))):
        across[x] |= words[x]
        along |= np.uint32(words[x])
    return np.uint16(along)


@njit(nogil=True)
def _show_span(lines: Words, places: Places) -> tuple[int, int]:
    """Say which places see lines that are not 0: from one on, and up to another."""
    first, last = 0, len(lines)
    while first < last and lines[first] == 0:
        first += 1
    while last > first and lines[last - 1] == 0:
        last -= 1
    if first == last:
        return 0, 0
    begin = math.ceil((first - 1 - places.first) / places.step)
    end = math.floor((last - places.first) / places.step) + 1
    begin = min(max(begin, 0), places.number)
    return begin, min(max(end, begin), places.number)


@njit(nogil=True, error_model="numpy")
def _mix_lines(lines: Words, places: Places) -> Words:
    """Mix the two lines around each place."""
    size, start = np.uint64(lines.shape[1]), np.uint64(0)
    levels, mixed = lines.reshape(-1), np.empty(places.number * size, np.uint16)
    for i in range(places.number):
        mix_two(levels, size, len(lines), place_of(places, i), mixed, start)
        start += size
    return mixed.reshape((places.number, lines.shape[1]))


@njit(nogil=True)
def fixed_alpha(alpha: NDArray[np.float32], words: Words) -> None:
    """Write alphas in fixed point."""
    for x in range(np.uint64(len(alpha))):
        words[x] = np.uint16(np.int32(alpha[x] * np.float32(OPAQUE) + np.float32(0.5)))


@njit(nogil=True)
def place_of(places: Places, number: int) -> float:
    """Say where a row or column of a view lies in a map."""
    return places.first + number * places.step


# Lines stand one after the other: to take one out of two dimensions costs as much as
# to mix it.
@njit(nogil=True, error_model="numpy")
def mix_two(
    lines: Words,
    size: np.uint64,
    count: int,
    place: float,
    mixed: Words,
    start: np.uint64,
) -> None:
    """Mix the two lines around a place, and write them from a start on.

    Args:
        lines: so many, each of this size; beyond them is 0.
        size: of a line.
        count: of lines.
        place: of what is mixed, in lines.
        mixed: to write to.
        start: in `mixed`.
    """
    before, behind, near, far = _tap(place, count)
    one, other = before * size, behind * size
    if near == OPAQUE:  # products lose a bit, and this line need not
        for x in range(size):
            mixed[start + x] = lines[one + x]
        return
    for x in range(size):
        first = high_half(lines[one + x], near)
        mixed[start + x] = plus(first, high_half(lines[other + x], far))


@njit(nogil=True, error_model="numpy")
def _tap(
    place: float, length: int
) -> tuple[np.uint64, np.uint64, np.uint16, np.uint16]:
    """Name the lines before and behind a place, and weigh them; 0 beyond the map."""
    inside = OPAQUE if -0.5 <= place <= length - 0.5 else 0
    within = min(max(place, 0.0), length - 1.0)
    before = int(within)
    far = int(inside * (within - before) + 0.5)
    behind = np.uint64(min(before + 1, length - 1))
    return np.uint64(before), behind, np.uint16(inside - far), np.uint16(far)
