"""Every objective by name: one file and one line each."""

from collections.abc import Callable

from torch import nn

from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.instdisc import InstDisc

# name -> function of (backbone, number of images, config) that gives a module
# satisfying `dilo.training.loop.Objective`
OBJECTIVES: dict[str, Callable[[nn.Module, int, PretrainConfig], nn.Module]] = {
    "instdisc": InstDisc,
}
