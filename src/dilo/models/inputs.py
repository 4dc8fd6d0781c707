"""What a network sees of the colours: everything, brightness only, or edges only.

Some pretraining tasks hide colour from the network. It must then be hidden at every
later use too. Doing so in front of the network, rather than within it, keeps the first
layer at three channels and the names of all weights as torchvision has them.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dilo.errors import InputError
from dilo.image import MEAN, STD

INPUTS = ("rgb", "grey", "sobel")

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL and torchvision turn to grey

FLAT = 1e-12  # squared steepness of a flat image, for the root to have a gradient


def with_input(network: nn.Module, name: str) -> nn.Module:
    """Make a network see only a part of the normalised images that it is given.

    Args:
        network: its first argument is images (N, 3, H, W), normalised; changed in
            place by a hook, without parameters or buffers.
        name: `rgb`, all; `grey`, the luma in all three channels; `sobel`, of the luma
            the derivatives to the right and downwards, and their magnitude.

    Returns:
        The same network.

    Raises:
        InputError: there is no such input, or the network has one already.
    """
    if name not in INPUTS:
        raise InputError(f"input must be one of {', '.join(INPUTS)}, got {name!r}")
    hooks = network._forward_pre_hooks.values()
    if any(
        isinstance(hook, _Before) and hook.change in _HIDE.values() for hook in hooks
    ):
        raise InputError("what the network sees has been chosen already")
    if name != "rgb":
        network.register_forward_pre_hook(_Before(_HIDE[name]))
    return network


def renormalise(
    network: nn.Module, mean: Sequence[float], std: Sequence[float]
) -> None:
    """Let a network take images (N, 3, H, W) that are normalised our way.

    Args:
        network: changed in place by a hook, if it needs one.
        mean: of the three channels, as the network was trained with.
        std: the same.
    """
    if (tuple(mean), tuple(std)) != (MEAN, STD):
        change = functools.partial(_renormalised, mean=tuple(mean), std=tuple(std))
        network.register_forward_pre_hook(_Before(change))


def luma(images: Tensor) -> Tensor:
    """Give the luma in [0, 1] of normalised images: (N, 3, H, W) -> (N, H, W)."""
    # Plain numbers: a tensor of weights would make the processor wait for the GPU.
    channels = zip(LUMA, STD, images.unbind(1), strict=True)
    scaled = [weight * std * channel for weight, std, channel in channels]
    offset = sum(weight * mean for weight, mean in zip(LUMA, MEAN, strict=True))
    return torch.stack(scaled).sum(dim=0) + offset


def grey(images: Tensor) -> Tensor:
    """Turn normalised images (N, 3, H, W) to grey ones, normalised in the same way.

    Grey images come out as they went in.
    """
    seen = luma(images)
    channels = [(seen - mean) / std for mean, std in zip(MEAN, STD, strict=True)]
    return _stack(channels)


def sobel(images: Tensor) -> Tensor:
    """Give dx, dy and the magnitude of the luma of normalised images (N, 3, H, W).

    In luma a pixel, times four: the step of a sharp edge between black and white is 2.
    The border is repeated outwards, so that it is no edge.

    Source: the fixed first layers of DeepCluster (Caron et al., ECCV 2018), which give
        dx and dy. The magnitude takes the third channel, so that every network fits.
    """
    padded = F.pad(luma(images)[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    down = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]  # (N, H, W + 2)
    along = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]  # (N, H + 2, W)
    dx = (down[..., 2:] - down[..., :-2]) / 2
    dy = (along[:, 2:] - along[:, :-2]) / 2
    # Not hypot, whose gradient is not a number where nothing changes.
    magnitude = (dx.square() + dy.square() + FLAT).sqrt()
    return _stack([dx, dy, magnitude])


_HIDE = {"grey": grey, "sobel": sobel}


class _Before:
    """A forward pre-hook on the images; a class, so that networks stay picklable."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        self.change = change

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        images, *others = args
        return self.change(images), *others


def _renormalised(
    images: Tensor, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Bring our mean and deviation of each channel to these."""
    changed = images.clone()
    for channel, (other_mean, other_std) in enumerate(zip(mean, std, strict=True)):
        colour = images[:, channel] * STD[channel] + MEAN[channel]
        changed[:, channel] = (colour - other_mean) / other_std
    return changed


def _stack(channels: list[Tensor]) -> Tensor:
    """Join three planes (N, H, W) to images (N, 3, H, W) in channels_last order."""
    return torch.stack(channels, dim=-1).permute(0, 3, 1, 2)
