"""Cut a box of an image, scale it, and lay it over a background, in one pass.

What the background hides is not computed: in photographs it is a third of a view and
more, and what that saves pays for much of the pasting.
"""

from typing import NamedTuple, cast

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.overlay import blend, flat_background, spread_weights
from dilo.augment.resample import Side, box_rows, mix_line, scale_rows, taps
from dilo.augment.shown import (
    Places,
    Taps,
    locate,
    mix_two,
    sample_lines,
    tap_window,
)
from dilo.image import Image, Map

# Smaller weights change no level: of 255 it is less than half a level.
_FAINTEST = np.float32(1 / 512)

# Pixels whose levels fill the vectors that loops are unrolled to.
_VECTOR = 32


class Shown(NamedTuple):
    """What a view shows of an image and of its alpha."""

    rows: NDArray[np.uint8]  # (R, W * 3): new rows from `top` on, of W old columns
    alpha: NDArray[np.float32]  # (L, S): columns of the map, at the rows of the view
    spans: NDArray[np.uint64]  # (S, 2): of each new column its first row that shows,
    # and the one behind the last
    top: int
    begin: int  # the first of the old columns


def paste_view(
    image: Image, alpha: Map, box: Box, side: int, background: Image
) -> Image:
    """Make a view of a box and paste it: uint8 (S, S, 3).

    The same as `composite_view` of what `crop_resize` makes, but for the rounding of
    weights.

    Args:
        image: uint8 (H, W, 3).
        alpha: of the whole image, float32 of any size in [0, 1].
        box: what the view shows; lies within `image`.
        side: of the view, in pixels.
        background: uint8 (S, S, 3).
    """
    alpha, rows, columns = locate(alpha, image.shape, box, (side, side))
    levels = np.ascontiguousarray(image).reshape(-1)
    old = box_rows(image, box, side)
    shown = _scale_shown(
        levels, old, box.width, np.ascontiguousarray(alpha), rows, columns
    )
    if not len(shown.rows):
        return background.copy()
    # The rest is done on the columns, as the second half of scaling is: `scale_box`.
    turned = cast(Image, cv2.transpose(shown.rows.reshape(len(shown.rows), -1, 3)))
    if background.strides[:2] != (0, 0):  # else of one colour, which is so already
        background = cast(Image, cv2.transpose(np.ascontiguousarray(background)))
    below = flat_background(background)
    pasted = np.empty((side, side, 3), np.uint8)
    where = box.width, alpha.shape[1], columns
    _lay_columns(turned.reshape(-1), shown, where, below, pasted.reshape(-1))
    return cast(Image, cv2.transpose(pasted))


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
    lines, around = sample_lines(alpha, columns, rows)
    spans, (left, right, top, bottom) = _find_spans(lines, around)
    if left >= right:
        return Shown(np.empty((0, 0), np.uint8), lines, spans, 0, 0)
    old, weights = taps(width, columns.number)
    begin, stop = old[left], old[right - 1] + weights.shape[1]
    scaled = np.empty((bottom - top, 3 * (stop - begin)), np.uint8)
    part = Side(side.start + 3 * begin, side.stride, side.old, side.new)
    scale_rows(levels, part, top, scaled)
    return Shown(scaled, lines, spans, top, begin)


@njit(cache=True, nogil=True)
def _find_spans(
    lines: NDArray[np.float32], around: Taps
) -> tuple[NDArray[np.uint64], tuple[int, int, int, int]]:
    """Say from where to where each column of a view shows something.

    Returns:
        The spans of `Shown`; and of the columns that show something the first and the
        one behind the last, and the same of the rows.
    """
    count, rows = lines.shape
    bounds = np.empty((count, 2), np.int64)
    for y in range(count):
        bounds[y, 0], bounds[y, 1] = _find_span(lines[y])
    spans = np.zeros((len(around.before), 2), np.uint64)
    left, right, top, bottom = len(spans), 0, rows, 0
    for x in range(len(spans)):
        one, other = bounds[around.before[x]], bounds[around.behind[x]]
        first, end = min(one[0], other[0]), max(one[1], other[1])
        if first < end:
            first, end = _widen(first, end, rows)
            spans[x, 0], spans[x, 1] = first, end
            left, right = min(left, x), x + 1
            top, bottom = min(top, first), max(bottom, end)
    return spans, (left, right, top, bottom)


@njit(cache=True, nogil=True)
def _widen(first: int, end: int, rows: int) -> tuple[int, int]:
    """Make a span as long as whole vectors where it can be; else the rest is slow."""
    length = min(rows, (end - first + _VECTOR - 1) // _VECTOR * _VECTOR)
    first = min(first, rows - length)
    return first, first + length


@njit(cache=True, nogil=True)
def _find_span(line: NDArray[np.float32]) -> tuple[int, int]:
    """Give the first pixel that shows and the one behind the last; (N, 0) if none."""
    first, end = 0, len(line)
    while first < end and line[first] < _FAINTEST:
        first += 1
    if first == end:
        return first, 0
    while line[end - 1] < _FAINTEST:
        end -= 1
    return first, end


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
        background: its columns, or one for all.
        pasted: the columns of the view, to be written.
    """
    width, cells, columns = where
    old, weights = taps(width, columns.number)
    around, _ = tap_window(columns, cells)
    stride = 3 * len(shown.rows)
    three = np.uint64(3)
    length = three * np.uint64(shown.alpha.shape[1])
    line = np.empty(length, np.float32)
    alpha = np.empty(shown.alpha.shape[1], np.float32)
    alphas = np.empty(length, np.float32)  # each thrice
    for x in range(columns.number):
        place = np.uint64(x) * length
        below = place % np.uint64(len(background))
        first, end = three * shown.spans[x, 0], three * shown.spans[x, 1]
        for i in range(first):
            pasted[place + i] = background[below + i]
        for i in range(end, length):
            pasted[place + i] = background[below + i]
        if first == end:
            continue
        part = alpha[: shown.spans[x, 1] - shown.spans[x, 0]]
        mix_two(shown.alpha, around, x, shown.spans[x, 0], part)
        spread_weights(part, alphas)
        start = (old[x] - shown.begin) * stride + np.int64(first) - 3 * shown.top
        mixed = line[: end - first]
        mix_line(levels, np.uint64(start), np.uint64(stride), weights[x], mixed)
        blend(mixed, alphas, background[below + first :], pasted[place + first :])
