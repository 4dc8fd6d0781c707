"""Networks of torchvision's classifiers, by the names `torchvision/NAME`."""

import difflib
from typing import Any, cast

import torchvision
from torch import nn

from dilo.errors import InputError
from dilo.models.renormalise import renormalise


def is_torchvision(name: str) -> bool:
    """Tell whether torchvision has a classifier of that name."""
    return name in _names()


def check_torchvision(name: str) -> None:
    """Check that torchvision has a classifier `name`.

    Raises:
        InputError: it has not; the message lists names that are close.
    """
    if not is_torchvision(name):
        close = difflib.get_close_matches(name, _names())
        hint = f"; close are: {', '.join(close)}" if close else ""
        raise InputError(f"torchvision has no network {name!r}{hint}")


def torchvision_network(name: str, pretrained: bool = False) -> nn.Module:
    """Build a classifier of torchvision up to the features before its last layer.

    Args:
        name: as torchvision has it.
        pretrained: with the first weights that torchvision published for it, which
            for ResNet-50 are the supervised baseline of the literature. They are
            downloaded or found on disk.

    Raises:
        InputError: there is no such network, or it does not end in a linear layer.
        OSError: the weights cannot be downloaded.
    """
    check_torchvision(name)
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


def torchvision_crop_size(name: str) -> int:
    """Give the side of the images that the weights were trained on, in pixels."""
    return int(_weights(name).transforms().crop_size[0])


def torchvision_url(name: str) -> str:
    """Say where the weights are downloaded from."""
    return str(_weights(name).url)


def expect_torchvision_colours(network: nn.Module, name: str) -> nn.Module:
    """Let a network with torchvision's own weights take images normalised our way.

    Returns:
        The same network, with a hook if it needs one.
    """
    trained = _weights(name).transforms()
    return renormalise(network, trained.mean, trained.std)


def _weights(name: str) -> Any:
    return next(iter(torchvision.models.get_model_weights(name)))


def _names() -> list[str]:
    return torchvision.models.list_models(module=torchvision.models)
