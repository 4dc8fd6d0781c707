"""Every backbone by name: our own, and those of timm and torchvision."""

import difflib
import functools
from collections.abc import Callable

import torch
from torch import nn

from dilo.errors import InputError
from dilo.models import networks
from dilo.models.libraries import LIBRARIES, build_library, check_library

# name -> function of `small_stem`; what it returns has `dim` and maps (N, 3, H, W)
# images to (N, dim) features.
BACKBONES: dict[str, Callable[[bool], nn.Module]] = {
    "conv6": networks.conv6,
    "conv7": networks.conv7,
    "alexnet": networks.AlexNet,
    "vgg16": networks.vgg16,
    "resnet18": networks.resnet18,
    "resnet50": networks.resnet50,
    "resnet50w2": networks.resnet50w2,
}

# What networks raise for images that are too small, or no multiple of their patches.
_UNFIT = (AssertionError, RuntimeError, TypeError, ValueError, ZeroDivisionError)


def backbone(
    name: str, small_stem: bool = False, crop_size: int | None = None
) -> nn.Module:
    """Build a backbone with fresh weights.

    Args:
        name: one of `BACKBONES`, or `timm/NAME` or `torchvision/NAME` for a network of
            those libraries.
        small_stem: start with full resolution, for images below about 64 px.
        crop_size: side of the images in pixels; needed by those networks of timm that
            take one size only, such as vision transformers, if it is not timm's.

    Returns:
        A module with the attribute `dim` (D) whose forward maps normalised images
        (N, 3, H, W) to pooled features (N, D).

    Raises:
        InputError: there is no such backbone, or it has no small stem.
        ModuleNotFoundError: it is one of timm, which is not installed.
    """
    if name.rpartition("/")[0] not in LIBRARIES:
        check_arch(name)
        return BACKBONES[name](small_stem)
    if small_stem:
        raise InputError(f"{name} has no small stem; those of our own networks have")
    return build_library(name, crop_size)


def check_arch(
    name: str, small_stem: bool = False, crop_size: int | None = None
) -> None:
    """Check that there is such a backbone, before anything else is made.

    Args:
        name: as `backbone` takes it.
        small_stem: whether it must have a small stem.
        crop_size: side of images in pixels that it must be able to take.

    Raises:
        InputError: there is no such backbone, or it cannot do that.
        ModuleNotFoundError: it is one of timm, which is not installed.
    """
    if small_stem or crop_size is not None:
        _dry_run(name, small_stem, crop_size)
    elif name.rpartition("/")[0] in LIBRARIES:
        check_library(name)
    elif name not in BACKBONES:
        names = ", ".join(BACKBONES)
        close = difflib.get_close_matches(name, BACKBONES, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise InputError(
            f"no backbone {name!r}; there are: {names}, timm/NAME and "
            f"torchvision/NAME{hint}"
        )


@functools.cache
def _dry_run(name: str, small_stem: bool, crop_size: int | None) -> None:
    """Build a network without memory, and pass images of that size through."""
    try:
        with torch.device("meta"):
            network = backbone(name, small_stem, crop_size).eval()
            if crop_size is not None:
                network(torch.empty(2, 3, crop_size, crop_size))
    except InputError:
        raise
    except NotImplementedError:
        return  # a network that wants numbers; few of timm and torchvision
    except _UNFIT as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{name} cannot take images of {crop_size} px; choose another crop_size"
            + (f" ({reason})" if reason else "")
        ) from error
