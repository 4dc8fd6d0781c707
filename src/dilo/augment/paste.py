"""Cut a box of an image, scale it, and lay it over a background."""

from typing import NamedTuple

import numpy as np

from dilo.augment.box import Box
from dilo.augment.fixed_point import Words
from dilo.augment.overlay import blend, is_plain
from dilo.augment.planes import Lines, Planes, split, transpose
from dilo.augment.resample import scale_turned
from dilo.augment.shown import Places, Shown, mix_two, place_of, sample
from dilo.image import Image, Map
from dilo.kernel_cache import njit


class Stencil(NamedTuple):
    """All of a paste that needs no pixel of the image."""

    shown: Shown  # of the alpha
    below: Lines  # the background's columns, as `scale_turned`; or one for all


def cut_stencil(
    alpha: Map, shape: tuple[int, ...], box: Box, background: Image
) -> Stencil:
    """Prepare the paste of a view.

    Args:
        alpha: of the whole image, float32 of any size in [0, 1].
        shape: height and width of the image.
        box: what the view shows; lies within the image.
        background: uint8 (S, S, 3).
    """
    return Stencil(sample(alpha, shape, box, background.shape), _columns(background))


def paste_view(
    image: Image, box: Box, stencil: Stencil, *, flip: bool = False
) -> Planes:
    """Make a view of a box and paste it: uint8 (3, S, S).

    The same as `composite_view` of what `crop_resize` makes.

    Args:
        image: uint8 (H, W, 3).
        box: what the view shows; lies within `image`.
        stencil: what `cut_stencil` prepares for this box.
        flip: mirror the view left and right then.
    """
    lines, columns, window = stencil.shown
    side = columns.number
    turned = scale_turned(image, box, side, side, flip=flip, window=window)
    # As the second half of scaling is done, on the columns. What was not scaled is
    # anything, and weighs nothing.
    _lay(turned, lines, columns, stencil.below, flip)
    return transpose(turned).reshape(3, side, side)


def _columns(background: Image) -> Lines:
    """Give the columns of a background, each with its channels one after the other."""
    side = len(background)
    if is_plain(background):
        return np.repeat(background[0, 0], side).reshape(1, -1)
    return transpose(split(background).reshape(-1, side))


@njit(nogil=True, error_model="numpy")
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
    side, first = np.uint64(lines.shape[1]), np.uint64(0)
    height, width = np.uint64(turned.shape[1]), np.uint64(len(turned))
    levels, under = turned.reshape(-1), below.reshape(-1)
    alphas, words = lines.reshape(-1), np.empty(side, np.uint16)
    further = height if len(below) > 1 else np.uint64(0)
    for x in range(width):
        mix_two(alphas, side, len(lines), place_of(columns, x), words, first)
        begin = (width - np.uint64(1) - x if back else x) * height
        start = x * further
        for channel in range(np.uint64(3)):
            part = channel * side
            blend(levels, begin + part, words, under, start + part)
