"""Copy-paste views (paper, section 5.2).

What needs torch is imported when it is asked for: `CopyPaste`, `SoftMap`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dilo.augment.alpha import map_to_alpha
from dilo.augment.backgrounds import BACKGROUNDS
from dilo.augment.blending import BLENDINGS
from dilo.augment.chain import VIEW_CHAINS, ViewConfig, view_chain
from dilo.augment.composite import composite
from dilo.augment.copy_paste import CopyPasteConfig, open_sources
from dilo.augment.parameters import ViewParameters, draw_view, view_rng
from dilo.augment.views import apply_view, centre_view, train_view

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
    "open_sources",
    "train_view",
    "view_chain",
    "view_rng",
]


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEED_TORCH[name]}"), name)
