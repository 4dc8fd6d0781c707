"""ResNets with torchvision's layers and weight names, without the classifier."""

import torchvision
from torch import nn


def resnet18(small_stem: bool = False) -> nn.Module:
    """ResNet-18 up to the pooled features, D = 512."""
    return _headless(torchvision.models.resnet18(), small_stem)


def resnet50(small_stem: bool = False) -> nn.Module:
    """ResNet-50 up to the pooled features, D = 2048."""
    return _headless(torchvision.models.resnet50(), small_stem)


def _headless(network: nn.Module, small_stem: bool) -> nn.Module:
    """Replace the classifier by the identity, so that weights keep their names."""
    classifier = network.fc
    assert isinstance(classifier, nn.Linear)
    network.dim = classifier.in_features  # type: ignore[assignment]
    network.fc = nn.Identity()
    if small_stem:
        # At 32 to 64 px the 7x7 stride-2 convolution and the max-pool would leave
        # too small a feature map; CIFAR ResNets start with one 3x3 convolution.
        network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(
            network.conv1.weight, mode="fan_out", nonlinearity="relu"
        )
        network.maxpool = nn.Identity()
    return network
