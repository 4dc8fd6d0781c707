"""Every objective by name: one file and one line each."""

from collections.abc import Callable
from typing import Any, Protocol

from torch import nn

from dilo.pretrain.colorization import Colorization
from dilo.pretrain.deepcluster import DeepCluster
from dilo.pretrain.instdisc import InstDisc
from dilo.pretrain.instdisc_nce import InstDiscNCE
from dilo.pretrain.local_aggregation import LocalAggregation
from dilo.pretrain.moco import moco_v1, moco_v2
from dilo.pretrain.rotation import Rotation
from dilo.pretrain.subject import Subject
from dilo.pretrain.supervised import Supervised
from dilo.training.config import LoopConfig
from dilo.training.loop import Objective


class PretrainObjective(Objective, Protocol):
    """What pretraining needs of a method, beside what the loop needs of it."""

    backbone: nn.Module  # the network that is exported
    head: nn.Module  # what it has on top while it is trained
    input: str  # what it sees of the colours, one of `dilo.models.inputs.INPUTS`


# Takes the settings of its own objective.
BuildObjective = Callable[[nn.Module, Subject, Any, LoopConfig], nn.Module]

# name -> function of (backbone, subject, config, loop) that gives a `PretrainObjective`
OBJECTIVES: dict[str, BuildObjective] = {
    "instdisc": InstDisc,
    "instdisc_nce": InstDiscNCE,
    "moco_v1": moco_v1,
    "moco_v2": moco_v2,
    "rotation": Rotation,
    "colorization": Colorization,
    "deepcluster": DeepCluster,
    "local_aggregation": LocalAggregation,
    "supervised": Supervised,
}
