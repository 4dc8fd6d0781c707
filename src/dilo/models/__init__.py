"""Backbones by name, and their weights in self-describing files.

What needs torch is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dilo.models.backbones import BACKBONES, backbone, check_arch

__all__ = ["BACKBONES", "backbone", "check_arch"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("dilo.models.backbones"), name)
