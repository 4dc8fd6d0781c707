"""The optimizer, and the learning rate as a function of progress."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from dilo.training.config import OptimizerConfig

# Of Adam's second moment, as colorization used it; torch's default 0.999 averages over
# ten times as many steps.
ADAM_SECOND_MOMENTUM = 0.99


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
