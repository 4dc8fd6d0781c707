"""Networks of torchvision's classifiers, by the names `torchvision/NAME`."""

import difflib
from typing import Any, cast

import torchvision
from torch import nn

from dilo.errors import InputError
from dilo.models.inputs import Published


def is_torchvision(name: str) -> bool:
    """Report whether torchvision has a classifier of that name."""
    return name in _names()


def check(name: str) -> None:
    """Check that torchvision has a classifier `name`.

    Raises:
        InputError: it has not; the message lists names that are close.
    """
    if not is_torchvision(name):
        close = difflib.get_close_matches(name, _names())
        hint = f"; close are: {', '.join(close)}" if close else ""
        raise InputError(f"torchvision has no network {name!r}{hint}")


def build(
    name: str, crop_size: int | None = None, pretrained: bool = False
) -> nn.Module:
    """Build a classifier of torchvision up to the features before its last layer.

    Args:
        name: as torchvision has it.
        crop_size: plays no part, for these networks take any size.
        pretrained: with the first weights that torchvision published for it, which
            for ResNet-50 are the supervised baseline of the literature. They are
            downloaded or found on disk.

    Raises:
        InputError: there is no such network, or it does not end in a linear layer.
        OSError, RuntimeError: the weights cannot be downloaded.
    """
    check(name)
    weights = _weights(name) if pretrained else None
    network = cast(nn.Module, torchvision.models.get_model(name, weights=weights))
    *parents, last = classifier_path(network, name).split(".")
    parent = network.get_submodule(".".join(parents))
    network.dim = getattr(parent, last).in_features
    setattr(parent, last, nn.Identity())
    return network


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


def published(name: str) -> Published:
    """Say how torchvision's weights of a network were trained, and where they are."""
    weights = _weights(name)
    views = weights.transforms()
    return Published(
        crop_size=views.crop_size[0], mean=views.mean, std=views.std, url=weights.url
    )


def _weights(name: str) -> Any:
    return next(iter(torchvision.models.get_model_weights(name)))


def _names() -> list[str]:
    return torchvision.models.list_models(module=torchvision.models)
