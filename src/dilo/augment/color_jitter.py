"""Colour as the field changes it: jitter and grey.

Brightness, contrast and saturation blend with black, with the mean grey and with the
pixel's grey; hue turns the HSV hue circle; the four come in random order. The levels
are those of Pillow, of which most published recipes were made: blends are rounded down,
greys to the nearest, after every step. Hue is exact, where Pillow has 256 steps.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image
from dilo.kernel_cache import njit

Channel = NDArray[np.uint16]  # whole levels of some pixels

BRIGHTNESS, CONTRAST, SATURATION, HUE, GREY = range(5)
ColourSteps = Sequence[tuple[int, float]]  # BRIGHTNESS ... with their factors

_BLOCK = 2048  # pixels, whose three channels take 12 KB

# Colours are adjusted in 16 bits: an item of the loader is some 8 % shorter than in
# float32. Factors have 14 bits behind the point, what is blended 6, a
# place on the circle of hues, times the chroma, 4.
_ONE, _BLENDED, _FOUR = np.uint16(1 << 14), np.uint16(6), np.uint16(4)
# ITU-R 601's shares of grey, of 65536; half a level, and what products lose, of 256.
_RED, _GREEN, _BLUE = np.uint16(19595), np.uint16(38470), np.uint16(7471)
_GREY_HALF = np.uint16(129)
# A turn of the circle, times 65536 / 256 for levels that are 256 times as large.
_CIRCLE = 6 << 4 + 8
_BIT, _EIGHT, _LAST = np.uint16(1), np.uint16(8), np.uint16(255)


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
    if image.dtype != np.uint8 or image.shape[2:] != (3,) or not image.size:
        raise InputError(
            f"an image is uint8 (H, W, 3), got {image.dtype} {image.shape}"
        )
    rest = [(step, factor) for step, factor in steps if not _is_neutral(step, factor)]
    if any(not BRIGHTNESS <= step <= GREY for step, _ in rest):
        raise InputError(f"steps of colour are 0 to {GREY}, got {steps}")
    if not rest:
        return image
    adjusted = np.empty(image.shape, np.uint8)
    _adjust(
        np.ascontiguousarray(image).reshape(-1),
        np.array([step for step, _ in rest]),
        np.array([_fixed_factor(*step) for step in rest], np.uint16),
        adjusted.reshape(-1),
    )
    return adjusted


def _is_neutral(step: int, factor: float) -> bool:
    return step != GREY and factor == (0 if step == HUE else 1)


def _fixed_factor(step: int, factor: float) -> int:
    """Turn a factor into 16 bits.

    Hue: the share of the circle, on [0, _CIRCLE). Others: rounded up, for products that
    are whole in exact arithmetic, as of a level of 100 and a factor of 0.6.
    """
    if step == HUE:
        # The kernel counts from a sixth of the circle before red.
        return round((factor - 1 / 6) % 1 * _CIRCLE) % _CIRCLE
    return min(math.ceil(factor * int(_ONE)), (1 << 16) - 1)


def _multiply_high(context: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Multiply two uint16, and give the upper 16 of the 32 bits.

    A product with all its bits behind the point, as compilers know it, is one vector
    instruction on 16 pixels; Python's product of integers has 64 bits.
    """

    def emit(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, count = ir.IntType(16), ir.IntType(32)
        multiply = builder.module.declare_intrinsic(
            "llvm.umul.fix", (word,), ir.FunctionType(word, [word, word, count])
        )
        return builder.call(multiply, [*arguments, ir.Constant(count, 16)])

    return types.uint16(types.uint16, types.uint16), emit


_high: Any = intrinsic(_multiply_high)


# Indices are unsigned: signed ones, which might count from the end, keep the compiler
# from using vector instructions.
@njit(nogil=True)
def _adjust(
    pixels: NDArray[np.uint8],
    steps: NDArray[np.int64],
    factors: NDArray[np.uint16],
    adjusted: NDArray[np.uint8],
) -> None:
    """Apply steps to levels, (3 N,)."""
    mean, begin = np.uint16(0), 0
    for end in range(len(steps) + 1):
        if end < len(steps) and steps[end] != CONTRAST:
            continue
        # A contrast must have seen all pixels before it changes one.
        if begin < end:
            _adjust_blocks(pixels, steps[begin:end], factors[begin:end], mean, adjusted)
            pixels = adjusted
        if end < len(steps):
            mean = _mean_grey(pixels)
        begin = end


@njit(nogil=True)
def _adjust_blocks(
    pixels: NDArray[np.uint8],
    steps: NDArray[np.int64],
    factors: NDArray[np.uint16],
    mean: np.uint16,
    adjusted: NDArray[np.uint8],
) -> None:
    """Apply steps to blocks of pixels that stay in the nearest cache."""
    count = len(pixels) // 3
    channels = np.empty((3, min(_BLOCK, count)), np.uint16)
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        red, green, blue = channels[0, :size], channels[1, :size], channels[2, :size]
        part = slice(3 * start, 3 * (start + size))
        _split(pixels[part], red, green, blue)
        for k in range(len(steps)):
            if steps[k] == HUE:
                _turn_hue(red, green, blue, factors[k])
            elif steps[k] == BRIGHTNESS or steps[k] == CONTRAST:
                base = mean if steps[k] == CONTRAST else np.uint16(0)
                _blend(red, base, factors[k])
                _blend(green, base, factors[k])
                _blend(blue, base, factors[k])
            else:
                factor = factors[k] if steps[k] == SATURATION else np.uint16(0)
                _blend_with_grey(red, green, blue, factor)
        _join(red, green, blue, adjusted[part])


@njit(nogil=True)
def _split(
    pixels: NDArray[np.uint8], red: Channel, green: Channel, blue: Channel
) -> None:
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for i in range(np.uint64(len(red))):
        red[i] = pixels[three * i]
        green[i] = pixels[three * i + one]
        blue[i] = pixels[three * i + two]


@njit(nogil=True)
def _join(
    red: Channel, green: Channel, blue: Channel, pixels: NDArray[np.uint8]
) -> None:
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for i in range(np.uint64(len(red))):
        pixels[three * i] = red[i]
        pixels[three * i + one] = green[i]
        pixels[three * i + two] = blue[i]


@njit(nogil=True, inline="always")
def _grey(red: np.uint16, green: np.uint16, blue: np.uint16) -> np.uint16:
    """Round ITU-R 601's grey to a whole level."""
    grey = np.uint16(_high(red << _EIGHT, _RED) + _high(green << _EIGHT, _GREEN))
    grey = np.uint16(grey + _high(blue << _EIGHT, _BLUE))
    return np.uint16(np.uint16(grey + _GREY_HALF) >> _EIGHT)


@njit(nogil=True)
def _mean_grey(pixels: NDArray[np.uint8]) -> np.uint16:
    total, three = np.int64(0), np.uint64(3)
    for i in range(np.uint64(len(pixels)) // three):
        red, green = (
            np.uint16(pixels[three * i]),
            np.uint16(pixels[three * i + np.uint64(1)]),
        )
        total += np.int64(
            _grey(red, green, np.uint16(pixels[three * i + np.uint64(2)]))
        )
    return np.uint16(np.floor(total * 3 / len(pixels) + 0.5))


@njit(nogil=True, inline="always")
def _mix(
    level: np.uint16,
    base: np.uint16,
    factor: np.uint16,
    less: np.uint16,
    more: np.uint16,
) -> np.uint16:
    """Blend a level with a base, and round down."""
    over, under = _high(level << _EIGHT, factor), _high(base << _EIGHT, less)
    mixed = np.uint16(over - min(over, under))
    mixed = np.uint16(mixed + _high(base << _EIGHT, more) + _BIT)
    return min(np.uint16(mixed >> _BLENDED), _LAST)


@njit(nogil=True)
def _blend(channel: Channel, base: np.uint16, factor: np.uint16) -> None:
    less, more = (
        np.uint16(max(factor, _ONE) - _ONE),
        np.uint16(_ONE - min(factor, _ONE)),
    )
    for i in range(np.uint64(len(channel))):
        channel[i] = _mix(channel[i], base, factor, less, more)


@njit(nogil=True)
def _blend_with_grey(
    red: Channel, green: Channel, blue: Channel, factor: np.uint16
) -> None:
    less, more = (
        np.uint16(max(factor, _ONE) - _ONE),
        np.uint16(_ONE - min(factor, _ONE)),
    )
    for i in range(np.uint64(len(red))):
        base = _grey(red[i], green[i], blue[i])
        red[i] = _mix(red[i], base, factor, less, more)
        green[i] = _mix(green[i], base, factor, less, more)
        blue[i] = _mix(blue[i], base, factor, less, more)


@njit(nogil=True)
def _turn_hue(red: Channel, green: Channel, blue: Channel, turn: np.uint16) -> None:
    """Turn the HSV hue of every pixel by `turn` of the circle.

    The largest and the smallest channel of a pixel stay as they are; where each channel
    lies between them is a trapezium wave of the hue, h in [0, 6). All is multiplied by
    the chroma, so that nothing need be divided by it.
    """
    for i in range(np.uint64(len(red))):
        r, g, b = red[i], green[i], blue[i]
        high, low = max(max(r, g), b), min(min(r, g), b)
        chroma = np.uint16(high - low)
        # One more than the hue, for no number is negative.
        h = np.uint16(r - g + 5 * chroma)
        h = np.uint16(b - r + 3 * chroma) if high == g else h
        h = np.uint16(g - b + chroma) if high == r else h
        h = np.uint16(np.uint16(h << _FOUR) + _high(chroma << _EIGHT, turn))
        one = np.uint16(chroma << _FOUR)
        two, three = np.uint16(one + one), np.uint16(one + one + one)
        four, six = np.uint16(two + two), np.uint16(three + three)
        h = min(h, np.uint16(h - six))  # modulo 6: below 0 is very large
        red[i] = _place(low, _above(_apart(h, three), one), one)
        green[i] = _place(low, _above(two, _apart(h, two)), one)
        blue[i] = _place(low, _above(two, _apart(h, four)), one)


@njit(nogil=True, inline="always")
def _above(a: np.uint16, b: np.uint16) -> np.uint16:
    """Say by how much a number exceeds another; 0 if it does not."""
    return np.uint16(max(a, b) - b)


@njit(nogil=True, inline="always")
def _apart(a: np.uint16, b: np.uint16) -> np.uint16:
    return np.uint16(max(a, b) - min(a, b))


@njit(nogil=True, inline="always")
def _place(low: np.uint16, wave: np.uint16, most: np.uint16) -> np.uint16:
    """Place a channel above the lowest; round to a whole level."""
    return np.uint16(low + (np.uint16(min(wave, most) + _EIGHT) >> _FOUR))
