"""Networks of other libraries that know colours by another mean and deviation."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from dilo.image import MEAN, STD


def renormalise(
    network: nn.Module, mean: Sequence[float], std: Sequence[float]
) -> nn.Module:
    """Let a network take images (N, 3, H, W) that are normalised our way.

    Args:
        network: changed in place by a hook, if it needs one.
        mean: of the three channels, as the network was trained with.
        std: the same.

    Returns:
        The same network.
    """
    if (tuple(mean), tuple(std)) != (MEAN, STD):
        network.register_forward_pre_hook(_Renormalise(mean, std))
    return network


class _Renormalise:
    """A forward pre-hook; a class, so that networks stay picklable."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.channels = list(zip(MEAN, STD, mean, std, strict=True))

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        images, *others = args
        changed = images.clone()
        for channel, (mean, std, other_mean, other_std) in enumerate(self.channels):
            colour = images[:, channel] * std + mean
            changed[:, channel] = (colour - other_mean) / other_std
        return changed, *others
