"""The colour steps of `jitter` for a whole batch, on whatever device it is.

In the integers of `recolour`, so that single and batched views come out alike.
"""

import torch
from torch import Tensor

from dilo.augment.fixed_point import WIDTH
from dilo.augment.recolour import (
    BLEND_BITS,
    BLUE,
    BRIGHTNESS,
    CONTRAST,
    FACTOR_BITS,
    GREEN,
    GREY,
    GREY_HALF,
    HUE,
    HUE_BITS,
    RED,
    SATURATION,
    fixed_factor,
)

_ONE = 1 << FACTOR_BITS


def recolour(planes: Tensor, step: int, factors: Tensor) -> Tensor:
    """Apply one colour step to all images: float32 (N, 3, S, S), whole levels.

    Args:
        planes: float32 (N, 3, S, S), whole levels.
        step: BRIGHTNESS, CONTRAST, SATURATION, HUE or GREY.
        factors: (N,), of each image.
    """
    words = [fixed_factor(step, factor) for factor in factors.tolist()]
    fixed = torch.tensor(words, dtype=torch.int32, device=planes.device)
    return _STEPS[step](planes.int(), fixed.view(-1, 1, 1, 1)).to(planes.dtype)


def _product(levels: Tensor, word: Tensor | int) -> Tensor:
    """Multiply levels, with eight bits behind the point, by a word: `high_half`."""
    return (levels * word) >> (WIDTH - 8)


def _grey(planes: Tensor) -> Tensor:
    """Whole levels of grey, (N, 1, S, S)."""
    red, green, blue = planes.split(1, dim=1)
    grey = _product(red, RED) + _product(green, GREEN) + _product(blue, BLUE)
    return (grey + GREY_HALF) >> 8


def _brightness(planes: Tensor, factor: Tensor) -> Tensor:
    return ((planes * factor) >> FACTOR_BITS).clamp(max=255)


def _blend(planes: Tensor, base: Tensor, factor: Tensor) -> Tensor:
    less, more = (factor - _ONE).clamp(min=0), (_ONE - factor).clamp(min=0)
    mixed = (_product(planes, factor) - _product(base, less)).clamp(min=0)
    return ((mixed + _product(base, more) + 1) >> BLEND_BITS).clamp(max=255)


def _contrast(planes: Tensor, factor: Tensor) -> Tensor:
    mean = _grey(planes).double().mean(dim=(1, 2, 3), keepdim=True)
    return _blend(planes, (mean + 0.5).floor().int(), factor)


def _saturation(planes: Tensor, factor: Tensor) -> Tensor:
    return _blend(planes, _grey(planes), factor)


def _to_grey(planes: Tensor, factor: Tensor) -> Tensor:
    return _grey(planes).expand_as(planes)


def _hue(planes: Tensor, turn: Tensor) -> Tensor:
    """Turn the HSV hue; its place on the circle is multiplied by the chroma."""
    red, green, blue = planes.split(1, dim=1)
    high, low = planes.amax(1, keepdim=True), planes.amin(1, keepdim=True)
    chroma = high - low
    place = torch.where(
        high == red,
        green - blue + chroma,
        torch.where(high == green, blue - red + 3 * chroma, red - green + 5 * chroma),
    )
    place = (place << HUE_BITS) + _product(chroma, turn)
    one = chroma << HUE_BITS
    place = torch.where(place >= 6 * one, place - 6 * one, place)
    waves = (
        (place - 3 * one).abs() - one,
        2 * one - (place - 2 * one).abs(),
        2 * one - (place - 4 * one).abs(),
    )
    wave = torch.minimum(torch.cat(waves, dim=1).clamp(min=0), one)
    return low + ((wave + (1 << HUE_BITS - 1)) >> HUE_BITS)


_STEPS = {
    BRIGHTNESS: _brightness,
    CONTRAST: _contrast,
    SATURATION: _saturation,
    HUE: _hue,
    GREY: _to_grey,
}
