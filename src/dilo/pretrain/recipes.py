"""The published recipe of each objective, as differences from `PretrainConfig`.

What belongs to the objective alone, such as its temperature, is the default of its own
config (`objective_configs.py`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dilo.augment.chain import VIEW_CHAINS, ViewConfig, view_chain
from dilo.augment.copy_paste import CopyPasteConfig
from dilo.config import replace as change
from dilo.pretrain.config import DataConfig, PretrainConfig
from dilo.pretrain.objective_configs import find_objective_config

# For MoCo 0.3 was best: 62.8 %, against 62.2 at 0.5 and 60.6 without (AAAI version).
_MOCO_PASTING = CopyPasteConfig(probability=0.3)

# Crops and flips alone: what tasks of their own saw. Colours would spoil colorization.
_CROPS: ViewConfig = replace(VIEW_CHAINS["table1_scale_crop"], min_area=0.08)

# Rates belong to the batch beside them, or to 256; all are for ResNet-50 on ImageNet
# unless it says otherwise.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    # The defaults are this recipe.
    "instdisc": {},
    "instdisc_nce": {},
    "moco_v1": {"view": view_chain("moco_v1", _MOCO_PASTING)},
    "moco_v2": {"schedule": "cosine", "view": view_chain("moco_v2", _MOCO_PASTING)},
    # Of AlexNet, in the authors' program; each image comes in all four turns. The
    # program's table of rates overrides the 0.1 of its config from the start.
    "rotation": {
        "epochs": 50,
        "batch_size": 192,
        "lr": 0.01,
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
    },
    # Torchvision's, which classifiers are usually compared with.
    "supervised": {
        "epochs": 90,
        "lr": 0.1,
        "milestones": (1 / 3, 2 / 3),  # epochs 30, 60
        "view": _CROPS,
    },
}


def recipe(
    objective: str, /, *, chain: str | None = None, **given: Any
) -> PretrainConfig:
    """Give the published recipe of an objective, with fields changed.

    Args:
        objective: one of `OBJECTIVES`.
        chain: how views are made, one of `augment.VIEW_CHAINS`; None is as published.
        given: fields of `PretrainConfig` that are to differ, named as in
            `dilo.config.replace`: `epochs=50`, or `**{"copy_paste.probability": 0.3}`.
            `images` must be given.

    Raises:
        InputError: there is no such objective, chain or field, or a value is unusable.
    """
    kind = find_objective_config(objective)
    published = PretrainConfig(data=DataConfig(images=""), objective=kind())
    published = change(published, **RECIPES[objective])
    if chain is not None:
        view = view_chain(chain, published.view.copy_paste)
        published = replace(published, view=view)
    return change(published, **given)
