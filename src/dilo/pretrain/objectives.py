"""Every objective by name: one file and one line each."""

from collections.abc import Callable

from torch import nn

from dilo.errors import InputError
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.instdisc import InstDisc
from dilo.pretrain.moco import moco_v1, moco_v2
from dilo.pretrain.rotation import Rotation
from dilo.pretrain.subject import Subject
from dilo.pretrain.supervised import Supervised

BuildObjective = Callable[[nn.Module, Subject, PretrainConfig], nn.Module]

# name -> function of (backbone, subject, config) that gives a module satisfying
# `dilo.training.loop.Objective`, with the attributes
#   backbone  the network that is exported
#   head      what it has on top while it is trained
#   input     what it sees of the colours: a name of `dilo.models.inputs`
OBJECTIVES: dict[str, BuildObjective] = {
    "instdisc": InstDisc,
    "moco_v1": moco_v1,
    "moco_v2": moco_v2,
    "rotation": Rotation,
    "supervised": Supervised,
}


def find_objective(name: str) -> BuildObjective:
    """Look an objective up.

    Raises:
        InputError: there is no objective of that name.
    """
    if name not in OBJECTIVES:
        raise InputError(
            f"objective must be one of {', '.join(OBJECTIVES)}, got {name!r}"
        )
    return OBJECTIVES[name]
