"""SGD and the learning rate as a function of progress."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from dilo.errors import InputError

Schedule = Literal["step", "cosine"]


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """SGD with momentum; InstDisc's and MoCo's recipe by default."""

    lr: float = 0.03  # for batches of 256
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: Schedule = "step"
    milestones: tuple[float, ...] = (0.6, 0.8)  # epochs 120 and 160 of 200

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
        if self.schedule not in ("step", "cosine"):
            raise InputError(f"schedule is step or cosine, got {self.schedule!r}")


def learning_rate(config: OptimizerConfig, progress: float) -> float:
    """Give the learning rate after `progress`, in [0, 1), of the training.

    `step` multiplies by 0.1 at each milestone, `cosine` falls to 0 along half a
    cosine. A function of progress alone needs no state to be saved.
    """
    if config.schedule == "cosine":
        return config.lr * 0.5 * (1 + math.cos(math.pi * progress))
    passed = sum(progress >= milestone for milestone in config.milestones)
    return config.lr * 0.1**passed


def sgd(parameters: Iterable[nn.Parameter], config: OptimizerConfig) -> torch.optim.SGD:
    """Make the optimizer of a config."""
    return torch.optim.SGD(
        parameters,
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
