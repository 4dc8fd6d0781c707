"""Backbones that are named rather than trained here: of libraries, or untrained."""

import torch

from dilo.errors import InputError, RunError
from dilo.models.backbones import LIBRARIES, backbone
from dilo.models.inference import LoadedBackbone
from dilo.models.inputs import renormalise
from dilo.models.torchvision_models import is_torchvision

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
    if kind == "random" and rest:
        return _random(rest)
    if kind in LIBRARIES and rest:
        return _published(kind, rest)
    return _published("torchvision", name) if is_torchvision(name) else None


def library_crop_size(arch: str) -> int:
    """Give the side of the images that a library's weights know, in pixels."""
    library, _, name = arch.rpartition("/")
    return LIBRARIES[library].published(name).crop_size if library else CROP_SIZE


def _published(library: str, name: str) -> LoadedBackbone:
    arch = f"{library}/{name}"
    LIBRARIES[library].check(name)
    published = LIBRARIES[library].published(name)
    try:
        module = LIBRARIES[library].build(name, pretrained=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise RunError(
            f"{arch}: its weights cannot be downloaded ({reason}); where there is a "
            f"network, fetch {published.url}, and here give {arch}@FILE"
        ) from error
    return LoadedBackbone(
        module=renormalise(module, published.mean, published.std).eval(),
        arch=arch,
        crop_size=published.crop_size,
    )


def _random(text: str) -> LoadedBackbone:
    arch, _, seed = text.partition(":")
    if seed and not seed.isdecimal():
        raise InputError(f"the seed of random/{text} must be a number, got {seed!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed or 0))
        module = backbone(arch)
    crop_size = library_crop_size(arch)
    return LoadedBackbone(module=module.eval(), arch=arch, crop_size=crop_size)
