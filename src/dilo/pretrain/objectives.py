"""Every objective by name: one file and one line each."""

from collections.abc import Callable
from typing import Any

from torch import nn

from dilo.pretrain.colorization import Colorization
from dilo.pretrain.deepcluster import DeepCluster
from dilo.pretrain.instdisc import InstDisc, InstDiscNCE
from dilo.pretrain.local_aggregation import LocalAggregation
from dilo.pretrain.moco import moco_v1, moco_v2
from dilo.pretrain.objective import ImageSetInfo, Objective
from dilo.pretrain.rotation import Rotation
from dilo.pretrain.supervised import Supervised
from dilo.training.config import LoopConfig

# Takes the settings of its own objective.
BuildObjective = Callable[[nn.Module, ImageSetInfo, Any, LoopConfig], Objective]

# name -> function of (backbone, info, config, loop)
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
