"""Cut a box of an image, scale it, and lay it over a background, in one pass.

What the background hides is not computed: in photographs it is a third of a view and
more, and what that saves pays for much of the pasting.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.overlay import blend, is_plain, spread_weights
from dilo.augment.patch import Patch
from dilo.augment.resample import Side, box_rows, mix_line, scale_rows, taps
from dilo.augment.shown import Places, Taps, count_from, locate, mix_two, tap
from dilo.image import Image, Map

# Smaller weights change no level: of 255 it is less than half a level.
_FAINTEST = np.float32(1 / 512)

# Pixels whose levels fill the vectors that loops are unrolled to.
_VECTOR = 32


class Bounds(NamedTuple):
    """The part of a view that shows something of an image; empty if left >= right."""

    top: int
    bottom: int  # the row behind the last
    left: int
    right: int  # the column behind the last


class Shown(NamedTuple):
    """What a view shows of an image and of its alpha."""

    rows: NDArray[np.uint8]  # (R, W * 3): the bounds' new rows, of W old columns
    lines: NDArray[np.float32]  # (L, S): columns of the map, at the rows of the view
    spans: NDArray[np.uint64]  # (S, 2): of each new column its first row that shows,
    # and the one behind the last, counted from the bounds' first
    bounds: Bounds
    begin: int  # the first of the old columns


def paste_view(image: Image, alpha: Map, box: Box, background: Image) -> Patch:
    """Make a view of a box and paste it.

    The same as `composite_view` of what `crop_resize` makes, but for the rounding of
    weights.

    Args:
        image: uint8 (H, W, 3).
        alpha: of the whole image, float32 of any size in [0, 1].
        box: what the view shows; lies within `image`.
        background: uint8 (S, S, 3).

    Returns:
        What the background does not hide, if it is one colour; else the whole view.
    """
    part, bounds = _paste_part(image, alpha, box, background)
    if is_plain(background):
        return Patch(part, bounds.top, bounds.left, len(background), background[0, 0])
    view = background.copy()
    view[bounds.top : bounds.bottom, bounds.left : bounds.right] = part
    return Patch.of(view)


def _paste_part(
    image: Image, alpha: Map, box: Box, background: Image
) -> tuple[Image, Bounds]:
    """Make the part of the view that shows something; arguments as `paste_view`."""
    side = len(background)
    alpha, rows, columns = locate(alpha, image.shape, box, (side, side))
    levels = np.ascontiguousarray(image).reshape(-1)
    old = box_rows(image, box, side)
    shown = _scale_shown(
        levels, old, box.width, np.ascontiguousarray(alpha), rows, columns
    )
    top, bottom, left, right = bounds = shown.bounds
    if left >= right:
        return background[:1, :1].copy(), Bounds(0, 1, 0, 1)
    # The rest is done on the columns, as the second half of scaling is: `scale_box`.
    turned: Any = cv2.transpose(shown.rows.reshape(bottom - top, -1, 3))
    where = box.width, alpha.shape[1], columns
    below = _flat_columns(background[top:bottom, left:right])
    part = np.empty((right - left, bottom - top, 3), np.uint8)
    _lay_columns(turned.reshape(-1), shown, where, below, part.reshape(-1))
    return np.asarray(cv2.transpose(part), np.uint8), bounds


def _flat_columns(background: Image) -> NDArray[np.uint8]:
    """Give the levels of a background by columns in a line; of one if it is plain."""
    if is_plain(background):
        return np.ascontiguousarray(background[:, 0]).reshape(-1)
    turned = cv2.transpose(np.ascontiguousarray(background))
    return np.asarray(turned, np.uint8).reshape(-1)


@njit(cache=True, nogil=True)
def _scale_shown(
    levels: NDArray[np.uint8],
    side: Side,
    width: int,
    alpha: Map,
    rows: Places,
    columns: Places,
) -> Shown:
    """Sample an alpha, and scale along the rows what it shows of an image.

    Args:
        levels: of the image.
        side: the rows of the box.
        width: of the box.
        alpha: of the whole image.
        rows: of the view, in the alpha.
        columns: likewise.
    """
    around, (first, end) = _tap_window(columns, alpha.shape[1])
    beside = tap(rows, len(alpha))
    spans, bounds = _find_spans(_find_extents(alpha[:, first:end], beside), around)
    top, bottom, left, right = bounds
    lines = np.empty((end - first, rows.number), np.float32)
    if left >= right:
        return Shown(np.empty((0, 0), np.uint8), lines, spans, bounds, 0)
    line = np.empty(len(lines), np.float32)
    for y in range(top, bottom):  # elsewhere nobody looks at the lines
        mix_two(alpha, beside, y, np.uint64(first), line)
        for x in range(np.uint64(len(line))):
            lines[x, np.uint64(y)] = line[x]
    old, weights = taps(width, columns.number)
    begin, stop = old[left], old[right - 1] + weights.shape[1]
    scaled = np.empty((bottom - top, 3 * (stop - begin)), np.uint8)
    part = Side(side.start + 3 * begin, side.stride, side.old, side.new)
    scale_rows(levels, part, top, scaled)
    return Shown(scaled, lines, spans, bounds, begin)


@njit(cache=True, nogil=True)
def _tap_window(columns: Places, length: int) -> tuple[Taps, tuple[int, int]]:
    """Name the two columns of a map around each column of the view.

    Returns:
        The columns, counted from the first that is sampled; which that is, and the one
        behind the last: whole vectors, where the map has so many.
    """
    around = tap(columns, length)
    one: Any = np.int64(around.before[0])
    last: Any = np.int64(around.behind[-1])
    first, end = _widen(one, last + 1, length)
    count_from(around, np.uint64(first))
    return around, (first, end)


@njit(cache=True, nogil=True)
def _find_extents(alpha: NDArray[np.float32], beside: Taps) -> NDArray[np.int64]:
    """Say of each column of a map from which to which row of the view it may show.

    Args:
        alpha: columns of the map.
        beside: which rows of the map are around each row of the view.

    Returns:
        The first row and the one behind the last, (L, 2); (S, 0) if there are none.
    """
    height, count = alpha.shape
    extents = np.empty((count, 2), np.int64)
    for x in range(count):
        first, end = 0, height
        while first < end and alpha[first, x] < _FAINTEST:
            first += 1
        while end > first and alpha[end - 1, x] < _FAINTEST:
            end -= 1
        extents[x, 0] = np.searchsorted(beside.behind, np.uint64(first))
        extents[x, 1] = 0
        if first < end:
            last = np.uint64(end - 1)
            extents[x, 1] = np.searchsorted(beside.before, last, side="right")
    return extents


@njit(cache=True, nogil=True)
def _find_spans(
    extents: NDArray[np.int64], around: Taps
) -> tuple[NDArray[np.uint64], Bounds]:
    """Say from where to where each column of a view shows something, and all do."""
    rows = len(around.before)  # as many as columns
    spans = np.zeros((rows, 2), np.uint64)
    left, right, top, bottom = rows, 0, rows, 0
    for x in range(rows):
        one, other = extents[around.before[x]], extents[around.behind[x]]
        first, end = min(one[0], other[0]), max(one[1], other[1])
        if first < end:
            first, end = _widen(first, end, rows)
            spans[x, 0], spans[x, 1] = first, end
            left, right = min(left, x), x + 1
            top, bottom = min(top, first), max(bottom, end)
    for x in range(left, right):
        if spans[x, 0] < spans[x, 1]:
            spans[x] -= np.uint64(top)
    return spans, Bounds(top, bottom, left, right)


@njit(cache=True, nogil=True)
def _widen(first: int, end: int, rows: int) -> tuple[int, int]:
    """Make a span as long as whole vectors where it can be; else the rest is slow."""
    length = min(rows, (end - first + _VECTOR - 1) // _VECTOR * _VECTOR)
    first = min(first, rows - length)
    return first, first + length


@njit(cache=True, nogil=True, error_model="numpy")
def _lay_columns(
    levels: NDArray[np.uint8],
    shown: Shown,
    where: tuple[int, int, Places],
    background: NDArray[np.uint8],
    pasted: NDArray[np.uint8],
) -> None:
    """Scale and composite one column after the other, each where it shows.

    Args:
        levels: of the old columns, `shown.rows` transposed.
        shown: which columns they are, and the alpha.
        where: width of the box and of the alpha, and the columns of the view in it.
        background: the bounds' columns, or one for all.
        pasted: the bounds' columns, to be written.
    """
    width, cells, columns = where
    top, bottom, left, right = shown.bounds
    old, weights = taps(width, columns.number)
    around, _ = _tap_window(columns, cells)
    stride = 3 * (bottom - top)
    three = np.uint64(3)
    length = three * np.uint64(bottom - top)
    line = np.empty(length, np.float32)
    alpha = np.empty(bottom - top, np.float32)
    alphas = np.empty(length, np.float32)  # each thrice
    for x in range(left, right):
        place = np.uint64(x - left) * length
        below = place % np.uint64(len(background))
        first, end = three * shown.spans[x, 0], three * shown.spans[x, 1]
        for i in range(first):
            pasted[place + i] = background[below + i]
        for i in range(end, length):
            pasted[place + i] = background[below + i]
        if first == end:
            continue
        part = alpha[: shown.spans[x, 1] - shown.spans[x, 0]]
        row = np.uint64(top) + shown.spans[x, 0]
        mix_two(shown.lines, around, x, row, part)
        spread_weights(part, alphas)
        start = (old[x] - shown.begin) * stride + np.int64(first)
        mixed = line[: end - first]
        mix_line(levels, np.uint64(start), np.uint64(stride), weights[x], mixed)
        blend(mixed, alphas, background[below + first :], pasted[place + first :])
