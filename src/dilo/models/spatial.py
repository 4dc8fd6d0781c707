"""The last feature map of a network: what it knows before it pools over the image."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from dilo.errors import InputError
from dilo.models.inference import device_of, evaluating

SIDE = 128  # pixels: large enough for the last map of any usual network to be one


class MapLayer(NamedTuple):
    """The layer of a network that gives its last feature map."""

    name: str  # among the network's modules
    channels: int


@torch.no_grad()
def find_map_layer(network: nn.Module) -> MapLayer:
    """Find the layer that gives the last feature map (N, C, h, w) of a network.

    It is the last one with weights whose output still has several places. In a ResNet
    that is layer4, in AlexNet conv5: fully connected layers may come after it.

    Args:
        network: maps normalised images (N, 3, H, W) of any size to features (N, D).

    Raises:
        InputError: there is no such map, as in vision transformers.
    """
    found: MapLayer | None = None
    names = {
        module: name
        for name, module in network.named_modules()
        if name and next(module.parameters(), None) is not None
    }

    def note(module: nn.Module, args: tuple[Tensor, ...], output: object) -> None:
        nonlocal found
        if module not in names or not isinstance(output, Tensor):
            return
        if output.shape[2:].numel() > 1:
            is_map = output.ndim == 4 and output.shape[2] == output.shape[3]
            # Else tokens, or a map whose channels come last.
            found = MapLayer(names[module], output.shape[1]) if is_map else None

    try:
        with register_module_forward_hook(note), evaluating(network):
            network(_blank(network))
    except AssertionError as error:
        raise _no_map(f"takes images of one size only ({error})") from error
    if found is None:
        raise _no_map(
            "has no feature map of channels, height and width before it pools"
        )
    return found


def feature_map(network: nn.Module, layer: MapLayer, images: Tensor) -> Tensor:
    """Give what a layer makes of normalised images: (N, 3, H, W) -> (N, C, h, w).

    Args:
        network: is run as a whole, so that all its hooks apply.
        layer: what `find_map_layer` found.
        images: float32 (N, 3, H, W).
    """
    kept: list[Tensor] = []

    def keep(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        kept.append(output)

    with network.get_submodule(layer.name).register_forward_hook(keep):
        network(images)
    return kept[-1]


def parameters_behind(network: nn.Module, layer: MapLayer) -> list[nn.Parameter]:
    """Give the parameters that do nothing for the output of a layer."""
    parameters = list(network.parameters())
    with evaluating(network):
        maps = feature_map(network, layer, _blank(network))
    gradients = torch.autograd.grad(maps.sum(), parameters, allow_unused=True)
    pairs = zip(parameters, gradients, strict=True)
    return [parameter for parameter, gradient in pairs if gradient is None]


def _no_map(reason: str) -> InputError:
    return InputError(
        f"the network {reason}; choose a convolutional one, such as resnet50"
    )


def _blank(network: nn.Module) -> Tensor:
    return torch.zeros(1, 3, SIDE, SIDE, device=device_of(network))
