"""ResNets with torchvision's layers and weight names, without the classifier."""

import torchvision
from torch import nn
from torchvision.models.resnet import Bottleneck, conv1x1


def resnet18(small_stem: bool = False) -> nn.Module:
    """ResNet-18 up to the pooled features, D = 512."""
    return _headless(torchvision.models.resnet18(), small_stem)


def resnet50(small_stem: bool = False) -> nn.Module:
    """ResNet-50 up to the pooled features, D = 2048."""
    return _headless(torchvision.models.resnet50(), small_stem)


def resnet50w2(small_stem: bool = False) -> nn.Module:
    """ResNet-50 with every width doubled, up to the pooled features, D = 4096.

    94 M parameters. torchvision's wide_resnet50_2 is another network: it doubles only
    the 3x3 convolutions inside the blocks.

    Source: the R50-w2 of Kolesnikov et al., "Revisiting self-supervised visual
        representation learning", CVPR 2019, and of MoCo.
    """
    # The smallest of its kind: all its parts but the names are replaced.
    network = torchvision.models.ResNet(Bottleneck, [1, 1, 1, 1])
    network.conv1 = nn.Conv2d(3, 128, 7, stride=2, padding=3, bias=False)
    network.bn1 = nn.BatchNorm2d(128)
    network.layer1 = _stage(128, 128, blocks=3, stride=1)
    network.layer2 = _stage(512, 256, blocks=4, stride=2)
    network.layer3 = _stage(1024, 512, blocks=6, stride=2)
    network.layer4 = _stage(2048, 1024, blocks=3, stride=2)
    network.fc = nn.Linear(4096, 1000)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            _initialise(module)
    return _headless(network, small_stem)


def _stage(inputs: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
    """Chain bottlenecks, `inputs` -> 4 `planes` channels, with torchvision's names."""
    outputs = planes * Bottleneck.expansion
    shortcut = nn.Sequential(conv1x1(inputs, outputs, stride), nn.BatchNorm2d(outputs))
    first = Bottleneck(inputs, planes, stride, shortcut)
    return nn.Sequential(
        first, *(Bottleneck(outputs, planes) for _ in range(blocks - 1))
    )


def _headless(network: nn.Module, small_stem: bool) -> nn.Module:
    """Replace the classifier by the identity, so that weights keep their names."""
    classifier, stem = network.fc, network.conv1
    assert isinstance(classifier, nn.Linear)
    assert isinstance(stem, nn.Conv2d)
    network.dim = classifier.in_features  # type: ignore[assignment]
    network.fc = nn.Identity()
    if small_stem:
        # At 32 to 64 px the 7x7 stride-2 convolution and the max-pool would leave
        # too small a feature map; CIFAR ResNets start with one 3x3 convolution.
        network.conv1 = nn.Conv2d(3, stem.out_channels, 3, padding=1, bias=False)
        _initialise(network.conv1)
        network.maxpool = nn.Identity()
    return network


def _initialise(convolution: nn.Conv2d) -> None:
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
