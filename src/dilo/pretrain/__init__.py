"""Pretraining: objectives, losses, memory (paper, section 5.1)."""

from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.objectives import OBJECTIVES
from dilo.pretrain.pretrain import PretrainReport, pretrain
from dilo.pretrain.recipes import RECIPES, recipe

__all__ = [
    "OBJECTIVES",
    "RECIPES",
    "PretrainConfig",
    "PretrainReport",
    "pretrain",
    "recipe",
]
