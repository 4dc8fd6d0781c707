"""Backbones that are named rather than trained here: of libraries, or untrained."""

from collections.abc import Callable

import torch
from torch import nn

from dilo.errors import InputError, RunError
from dilo.models import backbone, timm_models, torchvision_models
from dilo.models.loaded import LoadedBackbone

CROP_SIZE = 224  # side of the images, where nothing else is known


def load_named(name: str) -> LoadedBackbone | None:
    """Build the backbone that a name stands for.

    Args:
        name: `torchvision/NAME` or `timm/NAME` for a network with the weights that the
            library has; NAME alone for one of torchvision; `random/NAME` for an
            untrained one, whose seed is 0 or the S of `random/NAME:S`.

    Returns:
        The backbone, in evaluation mode; None if the name is none of these.

    Raises:
        InputError: the library has no such network.
        RunError: its weights cannot be downloaded.
        ModuleNotFoundError: timm is needed, but not installed.
    """
    kind, _, rest = name.partition("/")
    if rest and kind in _KINDS:
        return _KINDS[kind](rest)
    if torchvision_models.is_torchvision(name):
        return _torchvision(name)
    return None


def expect_colours(network: nn.Module, arch: str) -> nn.Module:
    """Let a network with its library's own weights take images normalised our way.

    Returns:
        The same network, with a hook if it needs one.
    """
    library, _, name = arch.rpartition("/")
    if library == "timm":
        return timm_models.expect_timm_colours(network, name)
    if library == "torchvision":
        return torchvision_models.expect_torchvision_colours(network, name)
    return network


def library_crop_size(arch: str) -> int:
    """Give the side of the images that a library's weights know, in pixels."""
    library, _, name = arch.rpartition("/")
    if library == "timm":
        return timm_models.timm_crop_size(name)
    if library == "torchvision":
        return torchvision_models.torchvision_crop_size(name)
    return CROP_SIZE


def _torchvision(name: str) -> LoadedBackbone:
    arch = f"torchvision/{name}"
    try:
        module = torchvision_models.torchvision_network(name, pretrained=True)
    except OSError as error:
        url = torchvision_models.torchvision_url(name)
        raise _not_downloaded(arch, error, url) from error
    return _loaded(module, arch)


def _timm(name: str) -> LoadedBackbone:
    arch = f"timm/{name}"
    try:
        module = timm_models.timm_network(name, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise _not_downloaded(arch, error, timm_models.timm_url(name)) from error
    return _loaded(module, arch)


def _random(text: str) -> LoadedBackbone:
    arch, _, seed = text.partition(":")
    if seed and not seed.isdecimal():
        raise InputError(f"the seed of random/{text} must be a number, got {seed!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed or 0))
        module = backbone(arch)
    crop_size = library_crop_size(arch)
    return LoadedBackbone(module=module.eval(), arch=arch, crop_size=crop_size)


_KINDS: dict[str, Callable[[str], LoadedBackbone]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "random": _random,
}


def _loaded(module: nn.Module, arch: str) -> LoadedBackbone:
    return LoadedBackbone(
        module=expect_colours(module, arch).eval(),
        arch=arch,
        crop_size=library_crop_size(arch),
    )


def _not_downloaded(arch: str, error: Exception, url: str) -> RunError:
    reason = str(error).partition("\n")[0]
    return RunError(
        f"{arch}: its weights cannot be downloaded ({reason}); where there is a "
        f"network, fetch {url}, and here give {arch}@FILE"
    )
