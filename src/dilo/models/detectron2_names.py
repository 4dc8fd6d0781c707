"""ResNets in the words of Detectron2."""

import re
from collections.abc import Mapping

from torch import Tensor

# Of Detectron2's own ResNet-50, whose strides are Caffe's.
_USUAL = {
    "STRIDE_IN_1X1": True,
    "DEPTH": 50,
    "STEM_OUT_CHANNELS": 64,
    "RES2_OUT_CHANNELS": 256,
    "WIDTH_PER_GROUP": 64,
}


def weight_name(name: str) -> str:
    """Turn torchvision's name of a weight into Detectron2's.

    `bn1.bias` becomes `stem.conv1.norm.bias`, and `layer1.0.downsample.0.weight`
    becomes `res2.0.shortcut.weight`.
    """
    name = re.sub(r"^layer(\d)", lambda match: f"res{int(match[1]) + 1}", name)
    name = re.sub(r"^(?=conv1|bn1)", "stem.", name)
    name = re.sub(r"\bbn(\d)", r"conv\1.norm", name)
    name = name.replace("downsample.0", "shortcut")
    return name.replace("downsample.1", "shortcut.norm")


def settings(tensors: Mapping[str, Tensor], network: str) -> dict[str, bool | int]:
    """Say which ResNet it is, as far as it is not Detectron2's own ResNet-50.

    Args:
        tensors: weights by torchvision's names.
        network: its name, in which the depth stands.

    Returns:
        Fields of `cfg.MODEL.RESNETS` to be set.
    """
    depth = re.search(r"resnet(\d+)", network)
    values = {
        "STRIDE_IN_1X1": False,
        "DEPTH": int(depth[1]) if depth else 50,
        "STEM_OUT_CHANNELS": len(tensors["conv1.weight"]),
        "RES2_OUT_CHANNELS": tensors["layer2.0.conv1.weight"].shape[1],
        "WIDTH_PER_GROUP": len(tensors["layer1.0.conv2.weight"]),
    }
    return {name: value for name, value in values.items() if value != _USUAL[name]}
