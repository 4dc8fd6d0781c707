"""Every backbone by name: our own, and those of timm and torchvision."""

import difflib
import functools
from collections.abc import Callable

import torch
from torch import nn

from dilo.errors import InputError
from dilo.models.alexnet import alexnet
from dilo.models.resnet import resnet18, resnet50, resnet50w2
from dilo.models.small import conv6, conv7
from dilo.models.timm_models import check_timm, timm_network
from dilo.models.torchvision_models import check_torchvision, torchvision_network
from dilo.models.vgg import vgg16

# name -> function of `small_stem`; what it returns has `dim` and maps (N, 3, H, W)
# images to (N, dim) features.
BACKBONES: dict[str, Callable[[bool], nn.Module]] = {
    "conv6": conv6,
    "conv7": conv7,
    "alexnet": alexnet,
    "vgg16": vgg16,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "resnet50w2": resnet50w2,
}


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
    library, _, theirs = name.rpartition("/")
    if library in _LIBRARIES and small_stem:
        raise InputError(f"{name} has no small stem; those of our own networks have")
    if library == "timm":
        return timm_network(theirs, crop_size)
    if library == "torchvision":
        return torchvision_network(theirs)
    _check_own(name)
    return BACKBONES[name](small_stem)


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
    library, _, theirs = name.rpartition("/")
    if small_stem or crop_size is not None:
        _dry_run(name, small_stem, crop_size)
    elif library in _LIBRARIES:
        _LIBRARIES[library](theirs)
    else:
        _check_own(name)


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


# What networks raise for images that are too small, or no multiple of their patches.
_UNFIT = (AssertionError, RuntimeError, TypeError, ValueError, ZeroDivisionError)
_LIBRARIES = {"timm": check_timm, "torchvision": check_torchvision}


def _check_own(name: str) -> None:
    if name in BACKBONES:
        return
    names = ", ".join(BACKBONES)
    choices = f"there are: {names}, timm/NAME and torchvision/NAME"
    close = difflib.get_close_matches(name, BACKBONES, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    raise InputError(f"no backbone {name!r}; {choices}{hint}")
