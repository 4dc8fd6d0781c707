"""Colour as the field changes it: jitter and grey, in a few compiled passes.

Brightness, contrast and saturation blend with black, with the mean grey and with the
pixel's grey; hue turns the HSV hue circle; the four come in random order. The levels
are those of Pillow, of which most published recipes were made: blends are rounded down,
greys to the nearest, after every step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.image import Image

Plane = NDArray[np.float32]  # (H * W + 1,), whole levels; the last is of all others
Steps = Sequence[tuple[int, float]]  # kinds, as below, with their factors

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
GREY = 4  # a fifth step of the same kernel


@dataclass(frozen=True, kw_only=True)
class Jitter:
    """The drawn parameters of one colour jitter."""

    order: tuple[int, ...]  # the steps in the order in which they are applied
    factors: tuple[float, float, float, float]  # hue in turns, the others as factors


def draw_jitter(rng: np.random.Generator, strength: tuple[float, ...]) -> Jitter:
    """Draw factors in 1 +- strength (hue in +- strength) and their order."""
    drawn = rng.random(4).tolist()
    brightness, contrast, saturation, hue = (
        (2 * share - 1) * reach for share, reach in zip(drawn, strength, strict=True)
    )
    return Jitter(
        order=tuple(rng.permutation(4).tolist()),
        factors=(1 + brightness, 1 + contrast, 1 + saturation, hue),
    )


def apply_jitter(image: Image, jitter: Jitter) -> Image:
    """Apply drawn parameters to an Image: uint8 (H, W, 3)."""
    steps = [(step, jitter.factors[step]) for step in jitter.order]
    return apply_colour(image, steps)


def to_grey(image: Image) -> Image:
    """Replace colours by their ITU-R 601 grey: uint8 (H, W, 3)."""
    return apply_colour(image, [(GREY, 0.0)])


def apply_colour(image: Image, steps: Steps) -> Image:
    """Apply steps and their factors one after the other: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3).
        steps: BRIGHTNESS, CONTRAST, SATURATION, HUE or GREY (whose factor is not
            looked at), each with its factor.
    """
    return recolour(image, steps, np.zeros(3, np.uint8), 0)[0]


def recolour(
    image: Image, steps: Steps, colour: Image, beside: int
) -> tuple[Image, Image]:
    """Apply steps to an image that is a part of a larger one, otherwise of one colour.

    Args:
        image: uint8 (H, W, 3), or its levels in a line.
        steps: as for `apply_colour`.
        colour: of the pixels beside the image, uint8 (3,).
        beside: how many there are; the mean grey of the contrast counts them.

    Returns:
        The image and the colour, as they are then.
    """
    steps = [step for step in steps if not _is_neutral(*step)]
    if not steps:
        return image, colour
    kinds = np.array([kind for kind, _ in steps])
    factors = np.array([factor for _, factor in steps], np.float32)
    coloured = np.empty(image.size + 3, np.uint8)
    flat = np.ascontiguousarray(image).reshape(-1)
    _recolour(flat, colour, beside, kinds, factors, coloured)
    return coloured[:-3].reshape(image.shape), coloured[-3:]


def _is_neutral(kind: int, factor: float) -> bool:
    return kind != GREY and factor == (0 if kind == HUE else 1)


@njit(cache=True, nogil=True)
def _recolour(
    pixels: NDArray[np.uint8],
    colour: NDArray[np.uint8],
    beside: int,
    kinds: NDArray[np.int64],
    factors: NDArray[np.float32],
    coloured: NDArray[np.uint8],
) -> None:
    """Work on planes of whole levels, as float32: one vector lane a pixel."""
    count = len(pixels) // 3 + 1
    red = np.empty(count, np.float32)
    green = np.empty(count, np.float32)
    blue = np.empty(count, np.float32)
    _split(pixels, red, green, blue)
    red[-1], green[-1], blue[-1] = colour[0], colour[1], colour[2]
    for i in range(len(kinds)):
        kind, factor = kinds[i], factors[i]
        if kind == 0:
            _add(red, green, blue, factor, np.float32(0))
        elif kind == 1:
            base = _mean_grey(red, green, blue, beside) * (np.float32(1) - factor)
            _add(red, green, blue, factor, base)
        elif kind == 2:
            _blend_with_grey(red, green, blue, factor)
        elif kind == 3:
            _turn_hue(red, green, blue, factor)
        else:
            _blend_with_grey(red, green, blue, np.float32(0))
    _join(red, green, blue, coloured)


@njit(cache=True, nogil=True)
def _split(pixels: NDArray[np.uint8], red: Plane, green: Plane, blue: Plane) -> None:
    for i in range(np.uint64(len(pixels) // 3)):
        at = i * np.uint64(3)
        red[i] = pixels[at]
        green[i] = pixels[at + np.uint64(1)]
        blue[i] = pixels[at + np.uint64(2)]


@njit(cache=True, nogil=True)
def _join(red: Plane, green: Plane, blue: Plane, pixels: NDArray[np.uint8]) -> None:
    for i in range(np.uint64(len(red))):
        at = i * np.uint64(3)
        pixels[at] = np.uint8(red[i])
        pixels[at + np.uint64(1)] = np.uint8(green[i])
        pixels[at + np.uint64(2)] = np.uint8(blue[i])


@njit(cache=True, nogil=True, inline="always")
def _level(value: np.float32) -> np.float32:
    """Clip to [0, 255] and round down."""
    return np.floor(min(max(value, np.float32(0)), np.float32(255)))


@njit(cache=True, nogil=True, inline="always")
def _grey(red: np.float32, green: np.float32, blue: np.float32) -> np.float32:
    return np.floor(
        np.float32(0.299) * red
        + np.float32(0.587) * green
        + np.float32(0.114) * blue
        + np.float32(0.5)
    )


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _add(
    red: Plane, green: Plane, blue: Plane, factor: np.float32, base: np.float32
) -> None:
    for i in range(np.uint64(len(red))):
        red[i] = _level(red[i] * factor + base)
        green[i] = _level(green[i] * factor + base)
        blue[i] = _level(blue[i] * factor + base)


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})
def _mean_grey(red: Plane, green: Plane, blue: Plane, beside: int) -> np.float32:
    """Mean of whole levels: float32 sums of a thousand of them are exact.

    The last pixel stands for `beside` of them.
    """
    total = np.float64(beside) * _grey(red[-1], green[-1], blue[-1])
    count = np.uint64(len(red) - 1)
    block = np.uint64(1024)
    for start in range(np.uint64(0), count, block):
        part = np.float32(0)
        for i in range(start, min(start + block, count)):
            part += _grey(red[i], green[i], blue[i])
        total += part
    return np.float32(np.floor(total / (count + np.uint64(beside)) + 0.5))


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _blend_with_grey(red: Plane, green: Plane, blue: Plane, factor: np.float32) -> None:
    rest = np.float32(1) - factor
    for i in range(np.uint64(len(red))):
        base = _grey(red[i], green[i], blue[i]) * rest
        red[i] = _level(red[i] * factor + base)
        green[i] = _level(green[i] * factor + base)
        blue[i] = _level(blue[i] * factor + base)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _turn_hue(red: Plane, green: Plane, blue: Plane, turn: np.float32) -> None:
    """Turn the HSV hue of every pixel by `turn` of the circle.

    The largest and the smallest channel of a pixel stay as they are; where each channel
    lies between them is a trapezium wave of the hue, h in [0, 6).
    """
    half, one, two, three = np.float32(0.5), np.float32(1), np.float32(2), np.float32(3)
    four, six = np.float32(4), np.float32(6)
    zero = np.float32(0)
    for i in range(np.uint64(len(red))):
        r, g, b = red[i], green[i], blue[i]
        high, low = max(max(r, g), b), min(min(r, g), b)
        chroma = high - low
        scale = one / max(chroma, one)  # greys have no hue; then chroma is 0
        h = (r - g) * scale + four
        h = (b - r) * scale + two if high == g else h
        h = (g - b) * scale if high == r else h
        h += six * turn
        h -= six * np.floor(h * (one / six))
        low += half  # rounds
        wave = min(max(abs(h - three) - one, zero), one)
        red[i] = np.floor(low + chroma * wave)
        wave = min(max(two - abs(h - two), zero), one)
        green[i] = np.floor(low + chroma * wave)
        wave = min(max(two - abs(h - four), zero), one)
        blue[i] = np.floor(low + chroma * wave)
