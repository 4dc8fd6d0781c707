"""The colour steps of `jitter` for a whole batch, on whatever device it is."""

import torch
from torch import Tensor

from dilo.augment.jitter import BRIGHTNESS, CONTRAST, GREY, HUE, SATURATION


def recolour(planes: Tensor, step: int, factors: Tensor) -> Tensor:
    """Apply one colour step to all images: float32 (N, 3, S, S), whole levels.

    Args:
        planes: float32 (N, 3, S, S), whole levels.
        step: BRIGHTNESS, CONTRAST, SATURATION, HUE or GREY.
        factors: (N,), of each image.
    """
    return _STEPS[step](planes, factors.view(-1, 1, 1, 1))


def round_levels(levels: Tensor, half: float = 0.5) -> Tensor:
    """Round halves up, as the kernels for single views do."""
    return (levels + half).floor()


def _level(levels: Tensor) -> Tensor:
    return levels.clamp(0, 255).floor()


def _grey(planes: Tensor) -> Tensor:
    """Whole levels of grey, (N, 1, S, S)."""
    red, green, blue = planes.unbind(1)
    return round_levels(0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(1)


def _brightness(planes: Tensor, factor: Tensor) -> Tensor:
    return _level(planes * factor)


def _contrast(planes: Tensor, factor: Tensor) -> Tensor:
    base = round_levels(
        _grey(planes).double().mean(dim=(1, 2, 3), keepdim=True)
    ).float()
    return _level(planes * factor + base * (1 - factor))


def _saturation(planes: Tensor, factor: Tensor) -> Tensor:
    return _level(planes * factor + _grey(planes) * (1 - factor))


def _to_grey(planes: Tensor, factor: Tensor) -> Tensor:
    return _grey(planes).expand_as(planes)


def _hue(planes: Tensor, turn: Tensor) -> Tensor:
    """Turn the HSV hue in the order of `jitter`, which rounds alike then."""
    red, green, blue = planes.split(1, dim=1)
    high, low = planes.amax(1, keepdim=True), planes.amin(1, keepdim=True)
    chroma = high - low
    scale = 1 / chroma.clamp(min=1)
    hue = torch.where(
        high == red,
        (green - blue) * scale,
        torch.where(high == green, (blue - red) * scale + 2, (red - green) * scale + 4),
    )
    hue = hue + 6 * turn
    hue = hue - 6 * (hue * (1 / 6)).floor()
    waves = ((hue - 3).abs() - 1, 2 - (hue - 2).abs(), 2 - (hue - 4).abs())
    return (low + 0.5 + chroma * torch.cat(waves, dim=1).clamp(0, 1)).floor()


_STEPS = {
    BRIGHTNESS: _brightness,
    CONTRAST: _contrast,
    SATURATION: _saturation,
    HUE: _hue,
    GREY: _to_grey,
}
