"""The published recipe of each objective, as differences from `PretrainConfig`."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from dilo.augment import VIEW_CHAINS, CopyPasteConfig, ViewConfig, view_chain
from dilo.config import replace as change
from dilo.errors import InputError
from dilo.pretrain.config import PretrainConfig

# For MoCo 0.3 was best: 62.8 %, against 62.2 at 0.5 and 60.6 without (AAAI version).
_MOCO_PASTING = CopyPasteConfig(probability=0.3)

# Crops and flips alone: what tasks of their own saw. Colours would spoil colorization.
_CROPS: ViewConfig = replace(VIEW_CHAINS["table1_scale_crop"], min_area=0.08)

_MOCO_V1 = {
    "negatives": 65536,
    "view": view_chain("moco_v1", _MOCO_PASTING),
}

# Rates belong to the batch beside them, or to 256; all are for ResNet-50 on ImageNet
# unless it says otherwise.
RECIPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # The defaults are this recipe.
        "instdisc": {},
        "instdisc_nce": {},
        "moco_v1": _MOCO_V1,
        "moco_v2": {
            "negatives": 65536,
            "temperature": 0.2,
            "schedule": "cosine",
            "view": view_chain("moco_v2", _MOCO_PASTING),
        },
        # Of AlexNet, in the authors' program; each image comes in all four turns.
        "rotation": {
            "epochs": 50,
            "batch_size": 192,
            "lr": 0.1,
            "milestones": (0.3, 0.6, 0.9),  # epochs 15, 30, 45
            "nesterov": True,
            "weight_decay": 5e-4,
            "view": _CROPS,
        },
        "colorization": {
            "lr": 3e-5,
            "solver": "adam",
            "weight_decay": 1e-3,
            "view": _CROPS,
        },
        # Of AlexNet, in the authors' program; the rate never falls.
        "deepcluster": {
            "lr": 0.05,
            "milestones": (),
            "weight_decay": 1e-5,
            "view": _CROPS,
        },
        "local_aggregation": {
            "batch_size": 128,
            "milestones": (0.8, 0.95),  # epochs 160, 190
            "clusters": 30000,
        },
        # Torchvision's, which classifiers are usually compared with.
        "supervised": {
            "epochs": 90,
            "lr": 0.1,
            "milestones": (1 / 3, 2 / 3),  # epochs 30, 60
            "view": _CROPS,
        },
    }
)


def recipe(objective: str, *, chain: str | None = None, **given: Any) -> PretrainConfig:
    """Give the published recipe of an objective, with fields changed.

    Args:
        objective: one of `OBJECTIVES`.
        chain: how views are made, one of `augment.VIEW_CHAINS`; None is as published.
        given: fields of `PretrainConfig` that are to differ, of which `images` must be
            given; a name such as `view.copy_paste.probability` works through a mapping.

    Raises:
        InputError: there is no such objective, chain or field, or a value is unusable.
    """
    if objective not in RECIPES:
        raise InputError(
            f"objective must be one of {', '.join(RECIPES)}, got {objective!r}"
        )
    published = PretrainConfig(images="", objective=objective, **RECIPES[objective])
    if chain is not None:
        view = view_chain(chain, published.view.copy_paste)
        published = replace(published, view=view)
    return change(published, **given)
