"""Copy-paste views (paper, section 5.2).

What needs torch is imported when it is asked for: `CopyPaste`, `SoftMap`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dilo.augment.chain import VIEW_CHAINS, ViewConfig, view_chain
from dilo.augment.copy_paste import (
    BACKGROUNDS,
    BLENDINGS,
    CopyPasteConfig,
    map_to_alpha,
)
from dilo.augment.overlay import composite
from dilo.augment.views import (
    ViewParameters,
    apply_view,
    centre_view,
    draw_view,
    train_view,
    view_rng,
)

if TYPE_CHECKING:
    from dilo.augment.soft_map import SoftMap
    from dilo.augment.transform import CopyPaste

_NEED_TORCH = {"CopyPaste": "transform", "SoftMap": "soft_map"}

__all__ = [
    "BACKGROUNDS",
    "BLENDINGS",
    "VIEW_CHAINS",
    "CopyPaste",
    "CopyPasteConfig",
    "SoftMap",
    "ViewConfig",
    "ViewParameters",
    "apply_view",
    "centre_view",
    "composite",
    "draw_view",
    "map_to_alpha",
    "train_view",
    "view_chain",
    "view_rng",
]


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEED_TORCH[name]}"), name)
