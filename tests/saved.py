"""Backbones written to files, as a finished training writes them."""

from pathlib import Path

from torch import nn

from dilo.models import weights
from dilo.models.inference import LoadedBackbone


def save_backbone(
    path: Path,
    module: nn.Module,
    arch: str,
    small_stem: bool,
    crop_size: int,
    input: str = "rgb",
) -> None:
    loaded = LoadedBackbone(
        module=module,
        arch=arch,
        crop_size=crop_size,
        small_stem=small_stem,
        input=input,
    )
    weights.save_backbone(path, loaded)
