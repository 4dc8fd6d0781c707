"""Copy-paste views (paper, section 5.2).

What needs torch is imported when it is asked for: `CopyPaste`, `SoftMap`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dilo.augment.copy_paste import (
    BACKGROUNDS,
    BLENDINGS,
    CopyPasteConfig,
    composite,
    map_to_alpha,
)
from dilo.augment.views import ViewConfig, centre_view, train_view, view_rng

if TYPE_CHECKING:
    from dilo.augment.soft_map import SoftMap
    from dilo.augment.transform import CopyPaste

_NEED_TORCH = {"CopyPaste": "transform", "SoftMap": "soft_map"}

__all__ = [
    "BACKGROUNDS",
    "BLENDINGS",
    "CopyPaste",
    "CopyPasteConfig",
    "SoftMap",
    "ViewConfig",
    "centre_view",
    "composite",
    "map_to_alpha",
    "train_view",
    "view_rng",
]


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEED_TORCH[name]}"), name)
