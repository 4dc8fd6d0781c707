"""Cut a box of an image, scale it, and lay it over a background."""

import numpy as np
from numba import njit

from dilo.augment.box import Box
from dilo.augment.fixed_point import Words
from dilo.augment.overlay import blend, is_plain
from dilo.augment.planes import Lines, Planes, split, transpose
from dilo.augment.resample import scale_turned
from dilo.augment.shown import Places, locate, mix_two, sample_rows, tap
from dilo.image import Image, Map


def paste_view(
    image: Image, alpha: Map, box: Box, background: Image, *, flip: bool = False
) -> Planes:
    """Make a view of a box and paste it: uint8 (3, S, S).

    The same as `composite_view` of what `crop_resize` makes.

    Args:
        image: uint8 (H, W, 3).
        alpha: of the whole image, float32 of any size in [0, 1].
        box: what the view shows; lies within `image`.
        background: uint8 (S, S, 3).
        flip: mirror the view left and right then.
    """
    side = len(background)
    alpha, rows, columns = locate(alpha, image.shape, box, (side, side))
    lines = transpose(sample_rows(np.ascontiguousarray(alpha), rows))
    # As the second half of scaling is done, on the columns.
    turned = scale_turned(image, box, side, side, flip=flip)
    _lay(turned, lines, columns, _columns(background), flip)
    return transpose(turned).reshape(3, side, side)


def _columns(background: Image) -> Lines:
    """Give the columns of a background, each with its channels one after the other."""
    side = len(background)
    if is_plain(background):
        return np.repeat(background[0, 0], side).reshape(1, -1)
    return transpose(split(background).reshape(-1, side))


@njit(cache=True, nogil=True, error_model="numpy")
def _lay(
    turned: Lines, lines: Words, columns: Places, below: Lines, back: bool
) -> None:
    """Lay columns over those of a background.

    Args:
        turned: the columns of the view, each with its channels one after the other.
        lines: the columns of the alpha, at the rows of the view.
        columns: of the view, in the alpha.
        below: the background's, as `turned`; or one for all.
        back: the last column of the view comes first.
    """
    around = tap(columns, len(lines))
    side = np.uint64(lines.shape[1])
    words = np.empty(side, np.uint16)
    for x in range(len(turned)):
        mix_two(lines, around, x, words)
        column = turned[len(turned) - 1 - x if back else x]
        under = below[x if len(below) > 1 else 0]
        for channel in range(np.uint64(3)):
            blend(column, channel * side, words, under, channel * side)
