"""Lay an image over a background through an alpha."""

import numpy as np
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.fixed_point import Words, high_half, minus, plus
from dilo.augment.shown import OPAQUE, fixed_alpha, view_alpha
from dilo.image import Image, Map
from dilo.kernel_cache import njit

BLEND_HALF = 129  # of 256: half a level, and what two products lose on the mean
_EIGHT = np.uint16(8)


def composite(image: Image, alpha: Map, background: Image) -> Image:
    """Lay `image` over `background` with weights `alpha`: uint8 (H, W, 3).

    Args:
        image: the foreground, uint8 (H, W, 3).
        alpha: float32 (H, W) in [0, 1]; 1 shows `image`, 0 shows `background`.
        background: uint8 (H, W, 3).

    Source: paper, section 5.2: the saliency map is a soft alpha, not a cut-out.
    """
    result = np.array(image, order="C")
    below = np.ascontiguousarray(background[:1] if is_plain(background) else background)
    _lay(result, np.ascontiguousarray(alpha), below)
    return result


def composite_view(
    view: Image, alpha: Map, shape: tuple[int, int], box: Box, background: Image
) -> Image:
    """Lay a view over a background, with the alpha of the whole image.

    Args:
        view: what the box shows, scaled to any size, uint8 (S, T, 3).
        alpha: of the whole image, float32 of any size in [0, 1].
        shape: height and width of the image.
        box: in pixels of the image; where it lies outside, the background shows.
        background: uint8 (S, T, 3).
    """
    return composite(view, view_alpha(alpha, shape, box, view.shape), background)


def is_plain(background: Image) -> bool:
    """Tell whether a background is one pixel, repeated: as greys have it."""
    return background.strides[:2] == (0, 0)


@njit(nogil=True)
def _lay(image: Image, alpha: Map, below: Image) -> None:
    """Lay an image over a background, or over one row of it for all, in its place."""
    height, width = alpha.shape
    words = np.empty(width, np.uint16)
    thrice = np.empty(np.uint64(3 * width), np.uint16)
    start = np.uint64(0)
    for y in range(height):
        fixed_alpha(alpha[y], words)
        _spread(words, thrice)
        under = below[y if len(below) > 1 else 0].reshape(-1)
        blend(image[y].reshape(-1), start, thrice, under, start)


@njit(nogil=True, error_model="numpy")
def blend(
    levels: NDArray[np.uint8],
    begin: np.uint64,
    alpha: Words,
    below: NDArray[np.uint8],
    start: np.uint64,
) -> None:
    """Lay levels from one place on over those of a background from another on."""
    for i in range(np.uint64(len(alpha))):
        over = high_half(np.uint16(levels[begin + i]) << _EIGHT, alpha[i])
        rest = minus(np.uint16(OPAQUE), alpha[i])
        under = high_half(np.uint16(below[start + i]) << _EIGHT, rest)
        levels[begin + i] = plus(plus(over, under), np.uint16(BLEND_HALF)) >> _EIGHT


@njit(nogil=True)
def _spread(words: Words, thrice: Words) -> None:
    """Repeat what is known of each pixel for its three levels, (3 N,)."""
    three = np.uint64(3)
    for x in range(np.uint64(len(words))):
        word = words[x]
        thrice[three * x] = word
        thrice[three * x + np.uint64(1)] = word
        thrice[three * x + np.uint64(2)] = word
