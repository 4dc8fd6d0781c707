"""Plain convolutional networks that train in minutes on a CPU.

They stand in for ResNets wherever an effect must be shown within minutes: the demo, the
tests, and pretraining on small photographs without a GPU.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class ConvNet(nn.Module):
    """A chain of 3x3 convolution, batch norm and ReLU, then global average pooling."""

    def __init__(self, widths: Sequence[int], strides: Sequence[int]) -> None:
        """Stack one layer for each width; its stride stands at the same place."""
        super().__init__()
        inputs = [3, *widths[:-1]]
        self.layers = nn.Sequential(
            *(
                _conv_bn_relu(before, after, stride)
                for before, after, stride in zip(inputs, widths, strides, strict=True)
            )
        )
        self.dim = widths[-1]

    def forward(self, images: Tensor) -> Tensor:
        """Pool the last feature map: (N, 3, H, W) -> (N, D)."""
        return self.layers(images).mean(dim=(2, 3))


def conv6(small_stem: bool = False) -> nn.Module:
    """Six layers, 32 to 128 wide, 0.3 M parameters: the demo's network at 40 px."""
    first = 1 if small_stem else 2
    return ConvNet((32, 32, 64, 64, 128, 128), (first, 1, 2, 1, 2, 1))


def conv7(small_stem: bool = False) -> nn.Module:
    """Seven layers, 32 to 256 wide, 0.6 M parameters: for photographs at 56 px."""
    first = 1 if small_stem else 2
    return ConvNet((32, 32, 64, 64, 128, 128, 256), (first, 2, 1, 2, 1, 2, 1))


def _conv_bn_relu(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
