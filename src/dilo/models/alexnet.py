"""AlexNet and VGG-16 with batch norm, as self-supervised learning uses them."""

import torchvision
from torch import Tensor, nn

from dilo.errors import InputError


class AlexNet(nn.Module):
    """Five convolutions and two fully connected layers, each with batch norm.

    The features are those of the last fully connected layer (fc7), D = 4096: what the
    head, or a classifier, stands on. To probe a layer below, hook `conv1` to `conv5`.

    Source: Krizhevsky, "One weird trick for parallelizing convolutional neural
        networks", 2014, for the widths, which are torchvision's too; RotNet (Gidaris et
        al., ICLR 2018) for batch norm everywhere in place of dropout, which would draw
        from torch's global stream.
    """

    def __init__(self, small_stem: bool) -> None:
        """Start with an 11x11 convolution of stride 4, or with 5x5 of stride 1."""
        super().__init__()
        kernel, stride = (5, 1) if small_stem else (11, 4)
        self.conv1 = _block(nn.Conv2d(3, 64, kernel, stride, padding=2, bias=False))
        self.conv2 = _block(nn.Conv2d(64, 192, 5, padding=2, bias=False))
        self.conv3 = _block(nn.Conv2d(192, 384, 3, padding=1, bias=False))
        self.conv4 = _block(nn.Conv2d(384, 256, 3, padding=1, bias=False))
        self.conv5 = _block(nn.Conv2d(256, 256, 3, padding=1, bias=False))
        self.pool = nn.MaxPool2d(3, stride=2)
        # At 224 px just that pooling again, 13 -> 6; other sizes end at 6x6 as well.
        self.pool5 = nn.AdaptiveMaxPool2d(6)
        self.fc6 = _block(nn.Linear(256 * 6 * 6, 4096, bias=False))
        self.fc7 = _block(nn.Linear(4096, 4096, bias=False))
        self.dim = 4096

    def forward(self, images: Tensor) -> Tensor:
        """Give the features of fc7: (N, 3, H, W) -> (N, 4096), from 31 px on."""
        maps = self.pool(self.conv1(images))
        maps = self.pool(self.conv2(maps))
        maps = self.pool5(self.conv5(self.conv4(self.conv3(maps))))
        return self.fc7(self.fc6(maps.flatten(1)))


def alexnet(small_stem: bool = False) -> nn.Module:
    """AlexNet with batch norm up to fc7, D = 4096, 57 M parameters."""
    return AlexNet(small_stem)


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


def _block(layer: nn.Conv2d | nn.Linear) -> nn.Sequential:
    """Follow a layer without bias, which batch norm has, by that and a ReLU."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    norm = (
        nn.BatchNorm2d(layer.out_channels)
        if isinstance(layer, nn.Conv2d)
        else nn.BatchNorm1d(layer.out_features)
    )
    return nn.Sequential(layer, norm, nn.ReLU(inplace=True))
