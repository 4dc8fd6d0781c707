"""Pretraining: objectives, losses, memory (paper, section 5.1).

What needs torch is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.recipes import RECIPES, recipe

if TYPE_CHECKING:
    from dilo.pretrain.objectives import OBJECTIVES
    from dilo.pretrain.pretraining import PretrainReport, pretrain

_NEED_TORCH = {
    "OBJECTIVES": "objectives",
    "PretrainReport": "pretraining",
    "pretrain": "pretraining",
}

__all__ = [
    "OBJECTIVES",
    "RECIPES",
    "PretrainConfig",
    "PretrainReport",
    "pretrain",
    "recipe",
]


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEED_TORCH[name]}"), name)
