"""Networks of timm and torchvision, by the names `timm/NAME` and `torchvision/NAME`."""

import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torchvision
from torch import nn

from dilo.errors import InputError

LIBRARIES = ("timm", "torchvision")


class Published(NamedTuple):
    """How the weights that a library offers were trained, and where they are."""

    crop_size: int  # side of the images in pixels
    mean: Sequence[float]  # of the three channels, in [0, 1]
    std: Sequence[float]
    url: str


def check_library(arch: str) -> None:
    """Check that a library has a network; timm's names may end in the tag of weights.

    Raises:
        InputError: it has not; the message lists names that are close.
        ModuleNotFoundError: timm is not installed.
    """
    library, _, name = arch.partition("/")
    if library == "torchvision":
        if not is_torchvision(name):
            raise _no_network(library, name, _torchvision_names())
        return
    import timm  # here, for it takes seconds

    network = name.partition(".")[0]
    if not timm.is_model(name):
        raise _no_network(library, network, timm.list_models())
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        tags = ", ".join(timm.list_pretrained(network)) or "none"
        raise InputError(f"timm has no weights {name!r}; there are: {tags}") from error


def build_library(
    arch: str, crop_size: int | None = None, pretrained: bool = False
) -> nn.Module:
    """Build a network of a library up to the features before its classifier.

    Args:
        arch: `LIBRARY/NAME`.
        crop_size: side of the images in pixels, for networks of timm that must know
            it, such as vision transformers; by default what timm trained with.
        pretrained: with the library's weights, of torchvision the first that it
            published (for ResNet-50 the supervised baseline of the literature). They
            are downloaded or found on disk.

    Raises:
        InputError: there is no such network, or it does not end in a linear layer.
        ModuleNotFoundError: timm is not installed.
        OSError, RuntimeError: the weights do not exist or cannot be downloaded.
    """
    check_library(arch)
    library, _, name = arch.partition("/")
    if library == "torchvision":
        return _build_torchvision(name, pretrained)
    import timm

    size: dict[str, Any] = {}
    if crop_size is not None and has_fixed_size(name):
        size = {"img_size": crop_size}
    network = timm.create_model(name, pretrained=pretrained, num_classes=0, **size)
    # Wider than num_features where layers follow the pooling, as in MobileNet v3.
    network.dim = network.head_hidden_size
    return network


def published(arch: str) -> Published:
    """Say how a library's weights of a network were trained, and where they are."""
    library, _, name = arch.partition("/")
    if library == "torchvision":
        weights = _torchvision_weights(name)
        views = weights.transforms()
        return Published(views.crop_size[0], views.mean, views.std, weights.url)
    config = _timm_config(name)
    url = config.url or "its weights, if there are any"
    if config.hf_hub_id:
        url = f"https://huggingface.co/{config.hf_hub_id} (model.safetensors)"
    return Published(config.input_size[-1], config.mean, config.std, url)


def has_fixed_size(name: str) -> bool:
    """Report whether timm must know the size of a network's images to build it."""
    return bool(_timm_config(name).fixed_input_size)


def is_torchvision(name: str) -> bool:
    """Report whether torchvision has a classifier of that name."""
    return name in _torchvision_names()


def classifier_path(network: nn.Module, name: str) -> str:
    """Say where the last linear layer of a whole network is, such as `classifier.6`.

    Raises:
        InputError: there is none.
    """
    layers = network.named_modules()
    linear = [path for path, layer in layers if isinstance(layer, nn.Linear)]
    if not linear:
        raise InputError(f"torchvision/{name} has no linear classifier to take off")
    return linear[-1]


def _build_torchvision(name: str, pretrained: bool) -> nn.Module:
    weights = _torchvision_weights(name) if pretrained else None
    network = cast(nn.Module, torchvision.models.get_model(name, weights=weights))
    *parents, last = classifier_path(network, name).split(".")
    parent = network.get_submodule(".".join(parents))
    network.dim = getattr(parent, last).in_features
    setattr(parent, last, nn.Identity())
    return network


def _no_network(library: str, name: str, names: Sequence[str]) -> InputError:
    close = difflib.get_close_matches(name, names)
    hint = f"; close are: {', '.join(close)}" if close else ""
    return InputError(f"{library} has no network {name!r}{hint}")


def _timm_config(name: str) -> Any:
    import timm

    return timm.get_pretrained_cfg(name)


def _torchvision_weights(name: str) -> Any:
    return next(iter(torchvision.models.get_model_weights(name)))


def _torchvision_names() -> list[str]:
    return torchvision.models.list_models(module=torchvision.models)
