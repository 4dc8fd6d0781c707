"""Colour as the field changes it: jitter and grey.

Brightness, contrast and saturation blend with black, with the mean grey and with the
pixel's grey; hue turns the HSV hue circle; the four come in random order. The levels
are those of Pillow, of which most published recipes were made: blends are rounded down,
greys to the nearest, after every step. Hue is exact, where Pillow has 256 steps.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image, check_image
from dilo.kernel_cache import njit

Channel = NDArray[np.uint8]  # levels of some pixels

BRIGHTNESS, CONTRAST, SATURATION, HUE, GREY = range(5)
ColourSteps = Sequence[tuple[int, float]]  # BRIGHTNESS ... with their factors

# Of the numbers, so that min and max are single instructions.
_FINITE = {"nnan", "ninf", "nsz"}
_ZERO, _LAST = np.float32(0), np.float32(255)
# ITU-R 601's shares of grey, of 65536: sums of whole levels are exact in 24 bits.
_RED, _GREEN, _BLUE = np.float32(19595), np.float32(38470), np.float32(7471)
_GREY_HALF, _GREY_ONE = np.float32(1 << 15), np.float32(1 / 65536)


def draw_jitter(
    rng: np.random.Generator, strength: tuple[float, ...]
) -> list[tuple[int, float]]:
    """Draw the four steps in random order, with factors in 1 +- strength.

    The factor of the hue is in turns of the circle, in +- strength.
    """
    brightness, contrast, saturation, hue = (
        (2 * share - 1) * reach
        for share, reach in zip(rng.random(4).tolist(), strength, strict=True)
    )
    factors = (1 + brightness, 1 + contrast, 1 + saturation, hue)
    return [(step, factors[step]) for step in rng.permutation(4).tolist()]


def adjust_colour(image: Image, steps: ColourSteps) -> Image:
    """Apply steps one after the other: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3).
        steps: BRIGHTNESS, CONTRAST, SATURATION, HUE or GREY (whose factor is not
            looked at), each with its factor.

    Raises:
        InputError: `image` is no Image, or there is no such step.
    """
    check_image(image)
    neutral = {BRIGHTNESS: 1, CONTRAST: 1, SATURATION: 1, HUE: 0}
    rest = [(step, factor) for step, factor in steps if factor != neutral.get(step)]
    if any(not BRIGHTNESS <= step <= GREY for step, _ in rest):
        raise InputError(f"steps of colour are 0 to {GREY}, got {steps}")
    if not rest:
        return image
    adjusted = np.empty(image.shape, np.uint8)
    _adjust(
        np.ascontiguousarray(image).reshape(-1),
        np.array([step for step, _ in rest]),
        np.array([factor for _, factor in rest], np.float32),
        adjusted.reshape(-1),
    )
    return adjusted


# Indices are unsigned: signed ones, which might count from the end, keep the compiler
# from using vector instructions.
@njit(nogil=True, fastmath=_FINITE)
def _adjust(
    pixels: NDArray[np.uint8],
    steps: NDArray[np.int64],
    factors: NDArray[np.float32],
    adjusted: NDArray[np.uint8],
) -> None:
    """Apply steps to levels, (3 N,)."""
    channels = np.empty((3, len(pixels) // 3), np.uint8)
    red, green, blue = channels[0], channels[1], channels[2]
    _split(pixels, red, green, blue)
    for k in range(len(steps)):
        step, factor = steps[k], factors[k]
        if step == HUE:
            _turn_hue(red, green, blue, factor)
        elif step in (BRIGHTNESS, CONTRAST):
            base = _mean_grey(red, green, blue) if step == CONTRAST else _ZERO
            for channel in (red, green, blue):
                _blend(channel, base, factor)
        else:
            _blend_with_grey(red, green, blue, factor if step == SATURATION else _ZERO)
    _join(red, green, blue, adjusted)


@njit(nogil=True, fastmath=_FINITE)
def _split(
    pixels: NDArray[np.uint8], red: Channel, green: Channel, blue: Channel
) -> None:
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for i in range(np.uint64(len(red))):
        red[i] = pixels[three * i]
        green[i] = pixels[three * i + one]
        blue[i] = pixels[three * i + two]


@njit(nogil=True, fastmath=_FINITE)
def _join(
    red: Channel, green: Channel, blue: Channel, pixels: NDArray[np.uint8]
) -> None:
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for i in range(np.uint64(len(red))):
        pixels[three * i] = red[i]
        pixels[three * i + one] = green[i]
        pixels[three * i + two] = blue[i]


@njit(nogil=True, fastmath=_FINITE, inline="always")
def _grey(red: np.uint8, green: np.uint8, blue: np.uint8) -> np.float32:
    """Round ITU-R 601's grey to a whole level."""
    r, g, b = np.float32(red), np.float32(green), np.float32(blue)
    return np.floor((r * _RED + g * _GREEN + b * _BLUE + _GREY_HALF) * _GREY_ONE)


# In any order: the sums of up to 2^16 levels are exact.
@njit(nogil=True, fastmath=_FINITE | {"reassoc"})
def _mean_grey(red: Channel, green: Channel, blue: Channel) -> np.float32:
    """Round the mean of all pixels' greys."""
    total = 0.0
    for begin in range(0, len(red), 1 << 16):
        part = np.float32(0)
        for i in range(np.uint64(begin), np.uint64(min(begin + (1 << 16), len(red)))):
            part += _grey(red[i], green[i], blue[i])
        total += float(part)
    return np.float32(np.floor(total / len(red) + 0.5))


@njit(nogil=True, fastmath=_FINITE, inline="always")
def _mix(level: np.uint8, base: np.float32, factor: np.float32) -> np.uint8:
    """Blend a level with a base, and round down."""
    mixed = base + factor * (np.float32(level) - base)
    return np.uint8(np.int32(min(max(mixed, _ZERO), _LAST)))


@njit(nogil=True, fastmath=_FINITE)
def _blend(channel: Channel, base: np.float32, factor: np.float32) -> None:
    for i in range(np.uint64(len(channel))):
        channel[i] = _mix(channel[i], base, factor)


@njit(nogil=True, fastmath=_FINITE)
def _blend_with_grey(
    red: Channel, green: Channel, blue: Channel, factor: np.float32
) -> None:
    for i in range(np.uint64(len(red))):
        base = _grey(red[i], green[i], blue[i])
        red[i] = _mix(red[i], base, factor)
        green[i] = _mix(green[i], base, factor)
        blue[i] = _mix(blue[i], base, factor)


@njit(nogil=True, fastmath=_FINITE)
def _turn_hue(red: Channel, green: Channel, blue: Channel, turn: np.float32) -> None:
    """Turn the HSV hue of every pixel by `turn` of the circle.

    The largest and the smallest channel of a pixel stay as they are; where each channel
    lies between them is a trapezium wave of the hue, h in [0, 6). All is multiplied by
    the chroma, so that nothing need be divided by it.
    """
    two, three, four = np.float32(2), np.float32(3), np.float32(4)
    five, six = np.float32(5), np.float32(6)
    # In sixths of the circle, less the one that makes every hue positive.
    turn = np.float32((turn - 1 / 6) % 1) * six
    for i in range(np.uint64(len(red))):
        r, g, b = np.float32(red[i]), np.float32(green[i]), np.float32(blue[i])
        high, low = max(max(r, g), b), min(min(r, g), b)
        chroma = high - low
        h = r - g + five * chroma
        h = b - r + three * chroma if high == g else h
        h = g - b + chroma if high == r else h
        h += turn * chroma
        h = h - six * chroma if h >= six * chroma else h
        red[i] = _place(low, abs(h - three * chroma) - chroma, chroma)
        green[i] = _place(low, two * chroma - abs(h - two * chroma), chroma)
        blue[i] = _place(low, two * chroma - abs(h - four * chroma), chroma)


@njit(nogil=True, fastmath=_FINITE, inline="always")
def _place(low: np.float32, wave: np.float32, most: np.float32) -> np.uint8:
    """Place a channel above the lowest; round to a whole level."""
    return np.uint8(np.int32(np.rint(low + min(max(wave, _ZERO), most))))
