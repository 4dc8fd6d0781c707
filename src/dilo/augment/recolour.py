"""The kernels of `jitter`: colour steps on planes of whole levels, in fixed point.

Where a step blends, six bits behind the point are kept of each part, so that one level
in fifty is rounded down otherwise than in exact arithmetic. `batched_jitter` works with
the same integers.
"""

import math

import numpy as np
from numpy.typing import NDArray

from dilo.augment.fixed_point import above, high_half, minus, plus
from dilo.kernel_cache import njit

Plane = NDArray[np.uint16]  # whole levels of a channel

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
GREY = 4

FACTOR_BITS = 14  # behind the point of a factor, which is below 4
BLEND_BITS = 6  # behind the point of what is blended
RED, GREEN, BLUE = 19595, 38470, 7471  # ITU-R 601's share of grey, of 65536
GREY_HALF = 129  # of 256: half a level, and what the products lose on the mean
HUE_BITS = 4  # behind the point of a place on the circle, times the chroma
# Of a turn of the circle, times 65536 / 256 for levels that are 256 times as large.
CIRCLE = 6 << HUE_BITS + 8

_ONE = np.uint16(1 << FACTOR_BITS)
_BLENDED, _EIGHT = np.uint16(BLEND_BITS), np.uint16(8)
_TWO, _LAST = np.uint16(2), np.uint16(255)
_BLOCK = 2048  # pixels, whose three channels take 12 KB
_SUMMED = np.uint64(256)  # levels, whose sum has 16 bits


def fixed_factor(step: int, factor: float) -> int:
    """Turn a factor into what the kernels multiply by.

    Hue: the share of the circle, on [0, CIRCLE). Others: rounded up, for products that
    are whole in exact arithmetic, as of a level of 100 and a factor of 0.6.
    """
    if step == HUE:
        # The kernels count from a sixth of the circle before red.
        return round((factor - 1 / 6) % 1 * CIRCLE) % CIRCLE
    return min(math.ceil(factor * (1 << FACTOR_BITS)), (1 << 16) - 1)


@njit(nogil=True)
def recolour_levels(
    levels: NDArray[np.uint8],
    kinds: NDArray[np.int64],
    factors: NDArray[np.uint16],
    coloured: NDArray[np.uint8],
) -> None:
    """Apply steps to levels.

    Args:
        levels: (3, N).
        kinds: the steps.
        factors: of `fixed_factor`.
        coloured: the levels then, (3, N), to be written.
    """
    mean, begin = np.uint16(0), 0
    for end in range(len(kinds) + 1):
        if end < len(kinds) and kinds[end] != CONTRAST:
            continue
        # A contrast must have seen all pixels before it changes one.
        if begin < end:
            part = slice(begin, end)
            _recolour_blocks(levels, kinds[part], factors[part], mean, coloured)
            levels = coloured
        if end < len(kinds):
            mean = np.uint16(np.floor(_sum_grey(levels) / levels.shape[1] + 0.5))
        begin = end


@njit(nogil=True)
def _recolour_blocks(
    levels: NDArray[np.uint8],
    kinds: NDArray[np.int64],
    factors: NDArray[np.uint16],
    mean: np.uint16,
    coloured: NDArray[np.uint8],
) -> None:
    """Apply steps to blocks that stay in the nearest cache."""
    count = levels.shape[1]
    size = min(_BLOCK, count)
    red, green = np.empty(size, np.uint16), np.empty(size, np.uint16)
    blue = np.empty(size, np.uint16)
    for start in range(0, count, _BLOCK):
        end = min(start + _BLOCK, count)
        r, g, b = red[: end - start], green[: end - start], blue[: end - start]
        _widen(levels[0], start, r)
        _widen(levels[1], start, g)
        _widen(levels[2], start, b)
        for i in range(len(kinds)):
            _recolour(kinds[i], factors[i], mean, r, g, b)
        _narrow(r, coloured[0], start)
        _narrow(g, coloured[1], start)
        _narrow(b, coloured[2], start)


@njit(nogil=True)
def _recolour(
    kind: int, factor: np.uint16, mean: np.uint16, red: Plane, green: Plane, blue: Plane
) -> None:
    if kind == BRIGHTNESS:
        _scale(red, factor)
        _scale(green, factor)
        _scale(blue, factor)
    elif kind == CONTRAST:
        _blend(red, mean, factor)
        _blend(green, mean, factor)
        _blend(blue, mean, factor)
    elif kind == SATURATION:
        _blend_with_grey(red, green, blue, factor)
    elif kind == HUE:
        _turn_hue(red, green, blue, factor)
    else:
        _blend_with_grey(red, green, blue, np.uint16(0))


@njit(nogil=True)
def _widen(levels: NDArray[np.uint8], start: int, plane: Plane) -> None:
    begin = np.uint64(start)
    for i in range(np.uint64(len(plane))):
        plane[i] = levels[begin + i]


@njit(nogil=True)
def _narrow(plane: Plane, levels: NDArray[np.uint8], start: int) -> None:
    begin = np.uint64(start)
    for i in range(np.uint64(len(plane))):
        levels[begin + i] = plane[i]


@njit(nogil=True, inline="always")
def _grey(red: np.uint16, green: np.uint16, blue: np.uint16) -> np.uint16:
    """Round to whole levels."""
    grey = plus(
        high_half(red << _EIGHT, np.uint16(RED)),
        high_half(green << _EIGHT, np.uint16(GREEN)),
    )
    grey = plus(grey, high_half(blue << _EIGHT, np.uint16(BLUE)))
    return np.uint16(plus(grey, np.uint16(GREY_HALF)) >> _EIGHT)


@njit(nogil=True)
def _scale(plane: Plane, factor: np.uint16) -> None:
    """Multiply, and round down."""
    for i in range(np.uint64(len(plane))):
        plane[i] = min(high_half(plane[i] << _TWO, factor), _LAST)


@njit(nogil=True, inline="always")
def _mix(
    level: np.uint16,
    base: np.uint16,
    factor: np.uint16,
    less: np.uint16,
    more: np.uint16,
) -> np.uint16:
    """Blend a level with a base, and round down."""
    mixed = above(high_half(level << _EIGHT, factor), high_half(base << _EIGHT, less))
    mixed = plus(mixed, high_half(base << _EIGHT, more))
    return min(np.uint16(plus(mixed, np.uint16(1)) >> _BLENDED), _LAST)


@njit(nogil=True)
def _blend(plane: Plane, base: np.uint16, factor: np.uint16) -> None:
    less, more = above(factor, _ONE), above(_ONE, factor)
    for i in range(np.uint64(len(plane))):
        plane[i] = _mix(plane[i], base, factor, less, more)


@njit(nogil=True)
def _blend_with_grey(red: Plane, green: Plane, blue: Plane, factor: np.uint16) -> None:
    less, more = above(factor, _ONE), above(_ONE, factor)
    for i in range(np.uint64(len(red))):
        base = _grey(red[i], green[i], blue[i])
        red[i] = _mix(red[i], base, factor, less, more)
        green[i] = _mix(green[i], base, factor, less, more)
        blue[i] = _mix(blue[i], base, factor, less, more)


@njit(nogil=True)
def _sum_grey(levels: NDArray[np.uint8]) -> np.int64:
    red, green, blue = levels[0], levels[1], levels[2]
    total, count = np.int64(0), np.uint64(len(red))
    for start in range(np.uint64(0), count, _SUMMED):
        part = np.uint16(0)
        for i in range(start, min(start + _SUMMED, count)):
            grey = _grey(np.uint16(red[i]), np.uint16(green[i]), np.uint16(blue[i]))
            part = plus(part, grey)
        total += np.int64(part)
    return total


@njit(nogil=True)
def _turn_hue(red: Plane, green: Plane, blue: Plane, turn: np.uint16) -> None:
    """Turn the HSV hue of every pixel by `turn` of the circle.

    The largest and the smallest channel of a pixel stay as they are; where each channel
    lies between them is a trapezium wave of the hue, h in [0, 6). All is multiplied by
    the chroma, so that nothing need be divided by it.
    """
    bits, half = np.uint16(HUE_BITS), np.uint16(1 << HUE_BITS - 1)
    for i in range(np.uint64(len(red))):
        r, g, b = red[i], green[i], blue[i]
        high, low = max(max(r, g), b), min(min(r, g), b)
        chroma = minus(high, low)
        twice = plus(chroma, chroma)
        # One more than the hue, for no number is negative.
        h = plus(minus(r, g), plus(plus(twice, twice), chroma))
        h = plus(minus(b, r), plus(twice, chroma)) if high == g else h
        h = plus(minus(g, b), chroma) if high == r else h
        h = plus(h << bits, high_half(chroma << _EIGHT, turn))
        one = np.uint16(chroma << bits)
        two = plus(one, one)
        three, four = plus(two, one), plus(two, two)
        h = min(h, minus(h, plus(three, three)))  # modulo 6: below 0 is very large
        red[i] = plus(low, _rounded(above(_apart(h, three), one), one, bits, half))
        green[i] = plus(low, _rounded(above(two, _apart(h, two)), one, bits, half))
        blue[i] = plus(low, _rounded(above(two, _apart(h, four)), one, bits, half))


@njit(nogil=True, inline="always")
def _apart(a: np.uint16, b: np.uint16) -> np.uint16:
    return plus(above(a, b), above(b, a))


@njit(nogil=True, inline="always")
def _rounded(
    wave: np.uint16, most: np.uint16, bits: np.uint16, half: np.uint16
) -> np.uint16:
    return np.uint16(plus(min(wave, most), half) >> bits)
