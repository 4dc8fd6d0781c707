"""Arguments that several commands share: the backbone, and where it works."""

from typing import Annotated

import tyro

BackbonePath = Annotated[
    str,
    tyro.conf.arg(
        metavar="RUN",
        help="the backbone: the folder of a finished run; or a file of weights "
        "(backbone.safetensors, or .safetensors, .pth, .pth.tar of torchvision, MoCo "
        "and others), named as NETWORK@FILE if its network is an unusual one, such as "
        "timm/convnext_tiny@model.safetensors; or torchvision/NAME or timm/NAME, with "
        "that library's weights (resnet50 alone is torchvision's); or random/NAME, "
        "untrained.",
    ),
]

Device = Annotated[
    str,
    tyro.conf.arg(
        help="what runs the network: auto (the GPU if there is one), cpu, cuda, "
        "cuda:1, mps, ..."
    ),
]
