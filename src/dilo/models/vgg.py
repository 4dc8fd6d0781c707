"""VGG-16 with batch norm, with torchvision's layers and weight names."""

import torchvision
from torch import nn

from dilo.errors import InputError


def vgg16(small_stem: bool = False) -> nn.Module:
    """VGG-16 with batch norm up to fc7, D = 4096, 134 M parameters.

    The features are those of the last layer before the classifier, as with AlexNet. It
    is torchvision's vgg16_bn without that classifier and without dropout, which would
    draw from torch's global stream. It takes any size from 32 px on.

    Raises:
        InputError: a small stem is asked for.
    """
    if small_stem:
        raise InputError(
            "small_stem has no meaning for vgg16, which starts at full resolution"
        )
    network = torchvision.models.vgg16_bn(dropout=0.0)
    # The ReLU before it has made fc7's features.
    network.classifier[-1] = nn.Identity()
    network.dim = 4096
    return network
