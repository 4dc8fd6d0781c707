"""Colour jitter as the field uses it, in one compiled pass per step.

Brightness, contrast and saturation blend with black, with the mean grey and with the
pixel's grey; hue turns the HSV hue circle; the four come in random order. A uint8 image
is rounded once, at the end, where chains of library calls round after every step.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.image import Image

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


@dataclass(frozen=True, kw_only=True)
class Jitter:
    """The drawn parameters of one colour jitter."""

    order: tuple[int, ...]  # the steps in the order in which they are applied
    factors: tuple[float, float, float, float]  # hue in turns, the others as factors


def draw_jitter(rng: np.random.Generator, strength: tuple[float, ...]) -> Jitter:
    """Draw factors in 1 +- strength (hue in +- strength) and their order."""
    centre = np.array([1.0, 1.0, 1.0, 0.0])
    reach = np.asarray(strength)
    factors = centre + rng.uniform(-1.0, 1.0, size=4) * reach
    order = tuple(int(step) for step in rng.permutation(4))
    return Jitter(order=order, factors=tuple(factors.tolist()))


def apply_jitter(image: Image, jitter: Jitter) -> Image:
    """Apply drawn parameters to an Image: uint8 (H, W, 3)."""
    pixels = image.reshape(-1, 3).astype(np.float32)
    for step in jitter.order:
        factor = np.float32(jitter.factors[step])
        if step == HUE:
            _turn_hue(pixels, factor)
        else:
            _blend(pixels, step, factor)
    return np.rint(pixels).astype(np.uint8).reshape(image.shape)


def to_grey(image: Image) -> Image:
    """Replace colours by their ITU-R 601 grey: uint8 (H, W, 3)."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    grey = np.rint(image @ weights).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


@njit(cache=True, nogil=True, fastmath=True)
def _blend(pixels: NDArray[np.float32], step: int, factor: np.float32) -> None:
    """Blend with black (0), the mean grey (1) or each pixel's grey (2), in place."""
    count = pixels.shape[0]
    base = np.float32(0)
    if step == CONTRAST:
        total = np.float64(0)
        for i in range(count):
            total += 0.299 * pixels[i, 0] + 0.587 * pixels[i, 1] + 0.114 * pixels[i, 2]
        base = np.float32(np.rint(total / count))
    for i in range(count):
        if step == SATURATION:
            base = np.float32(
                0.299 * pixels[i, 0] + 0.587 * pixels[i, 1] + 0.114 * pixels[i, 2]
            )
        for c in range(3):
            value = base + factor * (pixels[i, c] - base)
            pixels[i, c] = min(max(value, np.float32(0)), np.float32(255))


@njit(cache=True, nogil=True)
def _turn_hue(pixels: NDArray[np.float32], turn: np.float32) -> None:
    """Turn the HSV hue of (N, 3) pixels by `turn` of the circle, in place.

    With V the largest and m the smallest channel, the turned colour has the same V and
    m; only where each channel lies between them changes, as a triangle wave of the hue.
    """
    for i in range(pixels.shape[0]):
        r, g, b = pixels[i, 0], pixels[i, 1], pixels[i, 2]
        high, low = max(r, g, b), min(r, g, b)
        chroma = high - low
        if chroma <= 0:
            continue
        if high == r:
            hue = (g - b) / chroma
        elif high == g:
            hue = (b - r) / chroma + np.float32(2)
        else:
            hue = (r - g) / chroma + np.float32(4)
        hue = hue + np.float32(6) * turn
        for c, offset in ((0, 5), (1, 3), (2, 1)):
            k = (np.float32(offset) + hue) % np.float32(6)
            wave = max(np.float32(0), min(k, np.float32(4) - k, np.float32(1)))
            pixels[i, c] = high - chroma * wave
