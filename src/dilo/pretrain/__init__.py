"""Pretraining: objectives, losses, memory (paper, section 5.1)."""

from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.objectives import OBJECTIVES
from dilo.pretrain.pretrain import PretrainReport, pretrain

__all__ = ["OBJECTIVES", "PretrainConfig", "PretrainReport", "pretrain"]
