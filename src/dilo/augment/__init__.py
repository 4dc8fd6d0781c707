"""Copy-paste views (paper, section 5.2). Torch is needed by `normalise` alone."""

from dilo.augment.copy_paste import (
    BACKGROUNDS,
    BLENDINGS,
    CopyPasteConfig,
    composite,
    map_to_alpha,
)
from dilo.augment.views import ViewConfig, centre_view, train_view, view_rng

__all__ = [
    "BACKGROUNDS",
    "BLENDINGS",
    "CopyPasteConfig",
    "ViewConfig",
    "centre_view",
    "composite",
    "map_to_alpha",
    "train_view",
    "view_rng",
]
