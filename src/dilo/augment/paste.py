"""Cut a box of an image, scale it, and lay it over a background, in one pass.

What the background hides is not computed: in photographs it is a third of a view and
more, and what that saves pays for much of the pasting.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.cutout import Cutout, View, Whole, lay_spans
from dilo.augment.overlay import blend, fixed_alpha, is_plain
from dilo.augment.planes import Lines, split, take_apart, transpose
from dilo.augment.resample import Side, box_rows, fixed_taps, mix_line, scale_apart
from dilo.augment.shown import Places, Taps, count_from, locate, mix_two, tap
from dilo.image import Image, Map

# Smaller weights change no level: of 255 it is less than half a level.
_FAINTEST = np.float32(1 / 512)

# Pixels whose levels fill the vectors that loops are unrolled to.
_VECTOR = 32


class Shown(NamedTuple):
    """What a view shows of an image and of its alpha."""

    rows: Lines  # (3 R, W): those that show, each a line for a channel, of W columns
    lines: NDArray[np.float32]  # (L, S): columns of the map, at the rows of the view
    spans: NDArray[np.uint64]  # (S, 2): of each new column its first row that shows,
    # and the one behind the last
    total: int  # pixels in the spans
    top: int  # which row of the view the first of the rows is
    begin: int  # the first of the old columns


def paste_view(
    image: Image, alpha: Map, box: Box, background: Image, *, flip: bool = False
) -> View:
    """Make a view of a box and paste it.

    The same as `composite_view` of what `crop_resize` makes, but for the rounding of
    weights.

    Args:
        image: uint8 (H, W, 3).
        alpha: of the whole image, float32 of any size in [0, 1].
        box: what the view shows; lies within `image`.
        background: uint8 (S, S, 3).
        flip: mirror the view left and right then.

    Returns:
        A Cutout if the background is one colour.
    """
    below = _flat_columns(background)
    levels, spans = _paste_spans(image, alpha, box, len(background), below, flip)
    if is_plain(background):
        return Cutout(levels, spans, background[0, 0])
    if flip:
        below = np.ascontiguousarray(below.reshape(len(background), -1)[::-1])
    return Whole(lay_spans(levels, spans, below.reshape(-1)))


def _paste_spans(
    image: Image, alpha: Map, box: Box, side: int, below: NDArray[np.uint8], flip: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """Make what shows of a box on the columns of a background; see `Cutout`."""
    alpha, rows, columns = locate(alpha, image.shape, box, (side, side))
    levels = np.ascontiguousarray(image).reshape(-1)
    shown = _scale_shown(
        levels,
        box_rows(image, box, side),
        box.width,
        np.ascontiguousarray(alpha),
        rows,
        columns,
    )
    pasted = np.empty((3, shown.total), np.uint8)
    if shown.total:
        # On the columns, as the second half of scaling is done: `scale_planes`.
        turned = transpose(shown.rows)
        where = box.width, alpha.shape[1], columns
        _lay_columns(turned.reshape(-1), shown, where, below, flip, pasted)
    return pasted, shown.spans[::-1].copy() if flip else shown.spans


def _flat_columns(background: Image) -> NDArray[np.uint8]:
    """Give the levels of a background for `lay_spans`."""
    side = len(background)
    if is_plain(background):
        return np.repeat(background[0, 0], side)
    return transpose(split(background).reshape(-1, side)).reshape(-1)


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
    extents = _find_extents(alpha[:, first:end], beside)
    spans, count, (top, bottom, left, right) = _find_spans(extents, around)
    lines = np.empty((end - first, rows.number), np.float32)
    if not count:
        return Shown(np.empty((0, 0), np.uint8), lines, spans, 0, 0, 0)
    line = np.empty(len(lines), np.float32)
    for y in range(top, bottom):  # elsewhere nobody looks at the lines
        mix_two(alpha, beside, y, np.uint64(first), line)
        for x in range(np.uint64(len(line))):
            lines[x, np.uint64(y)] = line[x]
    old, weights = fixed_taps(width, columns.number)
    begin, stop = old[left], old[right - 1] + weights.shape[1]
    scaled = np.empty((3 * (bottom - top), stop - begin), np.uint8)
    part = Side(side.start + 3 * begin, side.stride, side.old, side.new)
    scale_apart(levels, part, top, (3, 1), scaled)
    return Shown(scaled, lines, spans, count, top, begin)


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
) -> tuple[NDArray[np.uint64], int, tuple[int, int, int, int]]:
    """Say from where to where each column of a view shows something.

    Returns:
        The spans, how many pixels they hold, and the first row and the one behind the
        last of them all, and the columns likewise.
    """
    rows = len(around.before)  # as many as columns
    spans = np.zeros((rows, 2), np.uint64)
    left, right, top, bottom = rows, 0, rows, 0
    count = 0
    for x in range(rows):
        one, other = extents[around.before[x]], extents[around.behind[x]]
        first, end = min(one[0], other[0]), max(one[1], other[1])
        if first < end:
            first, end = _widen(first, end, rows)
            spans[x, 0], spans[x, 1] = first, end
            count += end - first
            left, right = min(left, x), x + 1
            top, bottom = min(top, first), max(bottom, end)
    return spans, count, (top, bottom, left, right)


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
    back: bool,
    pasted: NDArray[np.uint8],
) -> None:
    """Scale and composite one column after the other, each where it shows.

    Args:
        levels: of the old columns, `shown.rows` transposed.
        shown: which columns they are, and the alpha.
        where: width of the box and of the alpha, and the columns of the view in it.
        background: as `lay_spans` takes it.
        back: the last column is written first.
        pasted: the spans of the columns, one after the other, (3, N), to be written.
    """
    width, cells, columns = where
    old, weights = fixed_taps(width, columns.number)
    around, _ = _tap_window(columns, cells)
    height, stride = columns.number, len(shown.rows)
    line, apart = np.empty(3 * height, np.uint16), np.empty((3, height), np.uint16)
    alpha, words = np.empty(height, np.float32), np.empty(height, np.uint16)
    three, place = np.uint64(3), np.uint64(0)
    for number in range(height):  # as many as columns
        x = height - 1 - number if back else number
        first, end = shown.spans[x, 0], shown.spans[x, 1]
        if first == end:
            continue
        count = end - first
        mix_two(shown.lines, around, x, first, alpha[:count])
        fixed_alpha(alpha[:count], words)
        start = (old[x] - shown.begin) * stride + 3 * (np.int64(first) - shown.top)
        mixed = line[: three * count]
        mix_line(levels, np.uint64(start), np.uint64(stride), weights[x], mixed)
        take_apart(mixed, apart[0], apart[1], apart[2])
        for channel in range(3):
            below = (3 * x + channel) * height % len(background) + np.int64(first)
            over = apart[channel, :count]
            blend(over, words, background[below:], pasted[channel, place:])
        place += count
