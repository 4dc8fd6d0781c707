"""The optimizer, and the learning rate as a function of progress."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import nn

from dilo.errors import InputError

Schedule = Literal["step", "cosine"]
Solver = Literal["sgd", "adam"]

# Of Adam's second moment, as colorization used it; torch's default 0.999 averages over
# ten times as many steps.
ADAM_SECOND_MOMENTUM = 0.99


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """SGD with momentum, or Adam; InstDisc's and MoCo's recipe by default.

    A step averages over the images of all processes and micro-batches, so `lr` belongs
    to the size of that whole batch. For another size, change both in proportion.
    """

    lr: float = 0.03  # for batches of 256
    momentum: float = 0.9  # for Adam, of its first moment
    weight_decay: float = 1e-4
    schedule: Schedule = "step"
    milestones: tuple[float, ...] = (0.6, 0.8)  # epochs 120 and 160 of 200
    solver: Solver = "sgd"
    nesterov: bool = False

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: a value lies outside its range.
        """
        if not 0 < self.lr < math.inf:
            raise InputError(f"lr must be positive, got {self.lr}")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must be in [0, 1), got {self.momentum}")
        if not 0 <= self.weight_decay < math.inf:
            raise InputError(f"weight_decay must be >= 0, got {self.weight_decay}")
        if self.schedule not in get_args(Schedule):
            raise InputError(f"schedule is step or cosine, got {self.schedule!r}")
        rising = all(early < late for early, late in pairwise(self.milestones))
        if not rising or not all(0 < share < 1 for share in self.milestones):
            raise InputError(
                "milestones are rising shares of the training, in (0, 1), got "
                f"{self.milestones}"
            )
        if self.solver not in get_args(Solver):
            raise InputError(f"solver is sgd or adam, got {self.solver!r}")
        if self.nesterov and (self.solver != "sgd" or self.momentum == 0):
            raise InputError(
                "nesterov is a kind of momentum of sgd, got solver "
                f"{self.solver} with momentum {self.momentum}"
            )


def learning_rate(config: OptimizerConfig, progress: float) -> float:
    """Give the learning rate after `progress`, in [0, 1), of the training.

    `step` multiplies by 0.1 at each milestone, `cosine` falls to 0 along half a
    cosine. A function of progress alone needs no state to be saved.
    """
    if config.schedule == "cosine":
        return config.lr * 0.5 * (1 + math.cos(math.pi * progress))
    passed = sum(progress >= milestone for milestone in config.milestones)
    return config.lr * 0.1**passed


def make_optimizer(
    parameters: Iterable[nn.Parameter], config: OptimizerConfig
) -> torch.optim.Optimizer:
    """Make the optimizer of a config, of those parameters that are to be trained."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if config.solver == "adam":
        return torch.optim.Adam(
            trained,
            lr=config.lr,
            betas=(config.momentum, ADAM_SECOND_MOMENTUM),
            weight_decay=config.weight_decay,
        )
    return torch.optim.SGD(
        trained,
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.nesterov,
    )
