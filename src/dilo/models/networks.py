"""Our own backbones: plain networks for CPUs, AlexNet, VGG-16 and ResNets.

Each function takes `small_stem`, to start at full resolution.
"""

from collections.abc import Sequence

import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, conv1x1

from dilo.errors import InputError


class ConvNet(nn.Module):
    """A chain of 3x3 convolution, batch norm and ReLU, then global average pooling."""

    def __init__(self, widths: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        pairs = zip([3, *widths[:-1]], widths, strict=True)
        self.layers = nn.Sequential(
            *(
                _block(nn.Conv2d(*pair, 3, stride, padding=1, bias=False))
                for pair, stride in zip(pairs, strides, strict=True)
            )
        )
        self.dim = widths[-1]

    def forward(self, images: Tensor) -> Tensor:
        """Pool the last feature map: (N, 3, H, W) -> (N, D)."""
        return self.layers(images).mean(dim=(2, 3))


class AlexNet(nn.Module):
    """Five convolutions and two fully connected layers, each with batch norm; 57 M.

    The features are those of the last fully connected layer (fc7), D = 4096: what the
    head, or a classifier, stands on. To probe a layer below, hook `conv1` to `conv5`.

    Source: Krizhevsky, "One weird trick for parallelizing convolutional neural
        networks", 2014, for the widths, which are torchvision's too; RotNet (Gidaris et
        al., ICLR 2018) for batch norm everywhere in place of dropout, which would draw
        from torch's global stream.
    """

    def __init__(self, small_stem: bool = False) -> None:
        super().__init__()
        kernel, stride = (5, 1) if small_stem else (11, 4)
        self.conv1 = _he_block(nn.Conv2d(3, 64, kernel, stride, padding=2, bias=False))
        self.conv2 = _he_block(nn.Conv2d(64, 192, 5, padding=2, bias=False))
        self.conv3 = _he_block(nn.Conv2d(192, 384, 3, padding=1, bias=False))
        self.conv4 = _he_block(nn.Conv2d(384, 256, 3, padding=1, bias=False))
        self.conv5 = _he_block(nn.Conv2d(256, 256, 3, padding=1, bias=False))
        self.pool = nn.MaxPool2d(3, stride=2)
        # At 224 px just that pooling again, 13 -> 6; other sizes end at 6x6 as well.
        self.pool5 = nn.AdaptiveMaxPool2d(6)
        self.fc6 = _he_block(nn.Linear(256 * 6 * 6, 4096, bias=False))
        self.fc7 = _he_block(nn.Linear(4096, 4096, bias=False))
        self.dim = 4096

    def forward(self, images: Tensor) -> Tensor:
        """Give the features of fc7: (N, 3, H, W) -> (N, 4096), from 31 px on."""
        maps = self.pool(self.conv1(images))
        maps = self.pool(self.conv2(maps))
        maps = self.pool5(self.conv5(self.conv4(self.conv3(maps))))
        return self.fc7(self.fc6(maps.flatten(1)))


def conv6(small_stem: bool = False) -> nn.Module:
    """Six layers, 32 to 128 wide, 0.3 M parameters: the demo's network at 40 px."""
    first = 1 if small_stem else 2
    return ConvNet((32, 32, 64, 64, 128, 128), (first, 1, 2, 1, 2, 1))


def conv7(small_stem: bool = False) -> nn.Module:
    """Seven layers, 32 to 256 wide, 0.6 M parameters: for photographs at 56 px."""
    first = 1 if small_stem else 2
    return ConvNet((32, 32, 64, 64, 128, 128, 256), (first, 2, 1, 2, 1, 2, 1))


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
    network.classifier[-1] = nn.Identity()  # the ReLU before it makes fc7's features
    network.dim = 4096
    return network


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


def _he_block(layer: nn.Conv2d | nn.Linear) -> nn.Sequential:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return _block(layer)


def _block(layer: nn.Conv2d | nn.Linear) -> nn.Sequential:
    """Follow a layer without bias, which batch norm has, by that and a ReLU."""
    norm = (
        nn.BatchNorm2d(layer.out_channels)
        if isinstance(layer, nn.Conv2d)
        else nn.BatchNorm1d(layer.out_features)
    )
    return nn.Sequential(layer, norm, nn.ReLU(inplace=True))
