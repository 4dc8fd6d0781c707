"""The command export."""

from pathlib import Path
from typing import Literal

from dilo.cli.arguments import BackbonePath
from dilo.cli.output import say


def export(
    run: BackbonePath,
    out: Path,
    /,
    *,
    to: Literal["torchvision", "timm", "moco", "detectron2"],
) -> None:
    """Write a backbone in the layout that another program loads.

    torchvision and timm: safetensors with those libraries' names of weights.
    moco: the checkpoint of MoCo's programs (module.encoder_q.*), with the run's head.
    detectron2: the pickle that R50-C4 detectors start from.

    The last two take ResNets only. Classifiers are not written. The command ends by
    printing the code that loads the file. An older file OUT is replaced.

    Examples:
        dilo export runs/dilo backbone.safetensors --to torchvision
        dilo export runs/dilo backbone.safetensors --to timm
        dilo export runs/dilo dilo.pth.tar --to moco
        dilo export runs/dilo R-50.pkl --to detectron2
        dilo export moco_v2_800ep_pretrain.pth.tar R-50.pkl --to detectron2

    Args:
        run: the backbone.
        out: the file: .safetensors; for moco .pth.tar or .pth; for detectron2 .pkl.
        to: the program that is to load the file.
    """
    from dilo.models.export import export as write

    say(write(run, out, to))
