"""Backbones by name, and their weights in self-describing files."""

from collections.abc import Callable

from torch import nn

from dilo.errors import InputError
from dilo.models.resnet import resnet18, resnet50
from dilo.models.small import conv6, conv7

# name -> function of `small_stem`; what it returns has `dim` and maps (N, 3, H, W)
# images to (N, dim) features.
BACKBONES: dict[str, Callable[[bool], nn.Module]] = {
    "conv6": conv6,
    "conv7": conv7,
    "resnet18": resnet18,
    "resnet50": resnet50,
}


def backbone(name: str, small_stem: bool = False) -> nn.Module:
    """Build a backbone with fresh weights.

    Args:
        name: one of `BACKBONES`.
        small_stem: start with full resolution, for images below about 64 px.

    Returns:
        A module with the attribute `dim` (D) whose forward maps normalised images
        (N, 3, H, W) to pooled features (N, D).

    Raises:
        InputError: there is no such backbone.
    """
    check_arch(name)
    return BACKBONES[name](small_stem)


def check_arch(name: str) -> None:
    """Check the name of a backbone.

    Raises:
        InputError: there is no such backbone.
    """
    if name not in BACKBONES:
        raise InputError(f"no backbone {name!r}; there are: {', '.join(BACKBONES)}")
