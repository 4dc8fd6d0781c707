"""Lay an image over a background through an alpha."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.fixed_point import high_half, minus, plus
from dilo.augment.shown import view_alpha
from dilo.image import Image, Map

OPAQUE = (1 << 16) - 1  # an alpha of 1 in fixed point
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
    result = np.empty(image.shape, np.uint8)
    over, weights = np.ascontiguousarray(image), np.ascontiguousarray(alpha)
    under = flat_background(background)
    _lay(over.reshape(-1), weights, under, result.reshape(-1))
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


def flat_background(background: Image) -> NDArray[np.uint8]:
    """Give the levels of a background in a line; of one row if it is plain."""
    if is_plain(background):
        background = background[:1]
    return np.ascontiguousarray(background).reshape(-1)


@njit(cache=True, nogil=True)
def _lay(
    image: NDArray[np.uint8],
    alpha: Map,
    background: NDArray[np.uint8],
    result: NDArray[np.uint8],
) -> None:
    """Composite row by row; unsigned indices make vectors."""
    width = np.uint64(alpha.shape[1])
    words = np.empty(width, np.uint16)
    weights = np.empty(np.uint64(3) * width, np.uint16)
    for y in range(np.uint64(len(alpha))):
        fixed_alpha(alpha[y], words)
        _spread(words, weights)
        start = y * np.uint64(len(weights))
        below = start % np.uint64(len(background))
        end = start + np.uint64(len(weights))
        blend(image[start:end], weights, background[below:], result[start:])


@njit(cache=True, nogil=True, error_model="numpy")
def blend(
    over: NDArray[Any],
    alpha: NDArray[np.uint16],
    background: NDArray[np.uint8],
    result: NDArray[np.uint8],
) -> None:
    """Write a line of levels above those of a background, which may be longer."""
    for i in range(np.uint64(len(over))):
        level = high_half(np.uint16(over[i]) << _EIGHT, alpha[i])
        rest = minus(np.uint16(OPAQUE), alpha[i])
        under = high_half(np.uint16(background[i]) << _EIGHT, rest)
        result[i] = plus(plus(level, under), np.uint16(BLEND_HALF)) >> _EIGHT


@njit(cache=True, nogil=True)
def fixed_alpha(alpha: NDArray[np.float32], words: NDArray[np.uint16]) -> None:
    """Write alphas in fixed point."""
    for x in range(np.uint64(len(alpha))):
        words[x] = np.uint16(np.int32(alpha[x] * np.float32(OPAQUE) + np.float32(0.5)))


@njit(cache=True, nogil=True)
def _spread(words: NDArray[np.uint16], thrice: NDArray[np.uint16]) -> None:
    """Repeat what is known of each pixel for its three levels, (3 N,)."""
    three = np.uint64(3)
    for x in range(np.uint64(len(words))):
        word = words[x]
        thrice[three * x] = word
        thrice[three * x + np.uint64(1)] = word
        thrice[three * x + np.uint64(2)] = word
