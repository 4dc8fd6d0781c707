"""Cut a box of an image, scale it, and lay it over a background, in one pass.

What the background hides is not computed: in photographs it is a third of a view and
more, and what that saves pays for the pasting.
"""

import math
from typing import cast

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.overlay import flat_background, spread_weights
from dilo.augment.resample import Side, box_rows, mix_line, scale_rows, taps
from dilo.augment.shown import Rows, mix_two, tap, view_rows
from dilo.image import Image, Map

# Smaller weights change no level: of 255 it is less than half a level.
_FAINTEST = np.float32(1 / 512)


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
    # As columns, as the second half of scaling makes them: see `scale_box`.
    shown = view_rows(alpha.T, image.shape[1::-1], box.turned, (side, side))
    spans = np.empty((side, 2), np.uint64)
    left, right, top, bottom = _find_spans(shown, spans)
    if left >= right:
        return background.copy()
    begin, end = _old_pixels(left, right, box.width, side)
    part = Box(top=box.top, left=box.left + begin, height=box.height, width=end - begin)
    rows = np.empty((bottom - top, part.width, 3), np.uint8)
    levels = np.ascontiguousarray(image).reshape(-1)
    scale_rows(levels, box_rows(image, part, side), top, rows.reshape(len(rows), -1))
    turned = _turn(rows)
    # As if rows above `top` and columns before `begin` were there too.
    stride = turned[0].size
    columns = Side(-begin * stride - 3 * top, stride, box.width, side)
    pasted = np.empty((side, side, 3), np.uint8)
    below = flat_background(_turn(background))
    _lay_columns(turned.reshape(-1), columns, shown, spans, below, pasted.reshape(-1))
    return _turn(pasted)


def _old_pixels(left: int, right: int, length: int, count: int) -> tuple[int, int]:
    """Name the old pixels, or a few more, that make the new ones of a span."""
    scale = length / count
    reach = max(scale, 1.0) + 1
    begin = max(0, math.floor((left + 0.5) * scale - reach))
    end = min(length, math.ceil((right - 0.5) * scale + reach))
    # At the edge all of the pixels' weights lie on the inner side.
    size = min(math.ceil(2 * max(scale, 1.0)), length)
    return min(begin, length - size), max(end, size)


def _turn(image: Image) -> Image:
    """Transpose an image; one of a single colour as it lies, without copying it."""
    if image.strides[:2] == (0, 0):
        return image.transpose(1, 0, 2)
    return cast(Image, cv2.transpose(np.ascontiguousarray(image)))


@njit(cache=True, nogil=True)
def _find_spans(shown: Rows, spans: NDArray[np.uint64]) -> tuple[int, int, int, int]:
    """Say from where to where each column shows something, and where any does.

    Returns:
        The first column and the one behind the last, and the same of the rows.
    """
    lines = shown.lines
    count, rows = lines.shape
    bounds = np.empty((count, 2), np.int64)
    for y in range(count):
        first, end = 0, rows
        while first < end and lines[y, first] < _FAINTEST:
            first += 1
        while end > first and lines[y, end - 1] < _FAINTEST:
            end -= 1
        bounds[y, 0], bounds[y, 1] = (first, end) if first < end else (rows, 0)
    around = tap(shown.places, count)
    left, right, top, bottom = len(spans), 0, rows, 0
    for x in range(len(spans)):
        one, other = bounds[around.before[x]], bounds[around.behind[x]]
        first, end = min(one[0], other[0]), max(one[1], other[1])
        if first >= end:
            first = end = 0
        else:
            left, right = min(left, x), x + 1
            top, bottom = min(top, first), max(bottom, end)
        spans[x, 0], spans[x, 1] = first, end
    return left, right, top, bottom


@njit(cache=True, nogil=True, error_model="numpy")
def _lay_columns(
    levels: NDArray[np.uint8],
    columns: Side,
    shown: Rows,
    spans: NDArray[np.uint64],
    background: NDArray[np.uint8],
    pasted: NDArray[np.uint8],
) -> None:
    """Scale and composite one column after the other, each where it shows."""
    three = np.uint64(3)
    old, weights = taps(columns.old, columns.new)
    around = tap(shown.places, len(shown.lines))
    length = three * np.uint64(columns.new)
    line = np.empty(length, np.float32)
    alpha = np.empty(columns.new, np.float32)
    alphas = np.empty(length, np.float32)  # each thrice
    for x in range(len(spans)):
        place = np.uint64(x) * length
        below = place % np.uint64(len(background))
        for i in range(length):
            pasted[place + i] = background[below + i]
        first, end = spans[x, 0], spans[x, 1]
        if first == end:
            continue
        part = alpha[: end - first]
        mix_two(shown.lines[:, first:end], around, x, part)
        spread_weights(part, alphas)
        start = columns.start + old[x] * columns.stride + 3 * np.int64(first)
        mixed = line[: three * (end - first)]
        stride = np.uint64(columns.stride)
        mix_line(levels, np.uint64(start), stride, weights[x], mixed)
        place += three * first
        below += three * first
        for i in range(np.uint64(len(mixed))):
            under = np.float32(background[below + i])
            over = np.floor(mixed[i] + np.float32(0.5))
            level = under + alphas[i] * (over - under)
            pasted[place + i] = np.uint8(np.int32(np.rint(level)))
