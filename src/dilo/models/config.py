"""Which network is trained, and on images of which size."""

from dataclasses import astuple, dataclass

from dilo.config import POSITIVE, check, setting


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A backbone by name; ResNet-50 at 224 pixels by default."""

    arch: str = "resnet50"
    """Backbone: alexnet, vgg16, resnet18, resnet50, resnet50w2, conv6 or conv7 (small
    and fast), or a network of a library: timm/NAME, torchvision/NAME."""
    small_stem: bool = False
    """Let the network start at full resolution, for crops below 64 px."""
    crop_size: int = setting(224, POSITIVE)
    """Side of the training views, in pixels."""

    def __post_init__(self) -> None:
        check(self)
        # The default is known to fit; to check it, a page of help would load torch.
        if astuple(self) != ("resnet50", False, 224):
            from dilo.models import check_arch

            check_arch(self.arch, self.small_stem, self.crop_size)
