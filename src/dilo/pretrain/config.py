"""What a pretraining is: every number that its result depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

import tyro

from dilo.augment.chain import ViewConfig
from dilo.config import NOT_NEGATIVE, POSITIVE, check, setting
from dilo.models.config import ModelConfig
from dilo.pretrain.objective_configs import (
    InstDiscConfig,
    ObjectiveConfig,
    find_objective_config,
)
from dilo.training.config import LoopConfig, OptimizerConfig


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The images, and what is known of them."""

    images: Annotated[str, tyro.conf.Positional]
    """Folder of photographs, at any depth; a CSV whose column file lists them; or
    WebDataset shards: a .tar file, a folder of them, or "x-{000..099}.tar"."""
    masks: Annotated[str | None, tyro.conf.arg(metavar="PATH")] = None
    """Mask store that `dilo masks` made, or any folder of masks; or the same shards
    again, where masks lie in them as KEY.mask.png beside KEY.jpg. Without it nothing
    is pasted: the baseline."""
    labels: Annotated[str | None, tyro.conf.arg(metavar="PATH")] = None
    """Class folders or a CSV of file,label, for the objective supervised."""
    cache_size: int | None = setting(None, POSITIVE)
    """Keep all images in memory, reduced to this short side in pixels; by default they
    are read from disk each time."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """One pretraining. The defaults are the paper's ResNet-50 recipe on ImageNet.

    Other objectives were published with other numbers: `recipes.recipe` gives them.
    """

    data: DataConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    view: ViewConfig = field(default_factory=ViewConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    objective: ObjectiveConfig = field(default_factory=InstDiscConfig)
    monitor_epochs: int = setting(1, NOT_NEGATIVE, free=True)
    """Epochs between two measurements of the features' geometry; 0 makes none."""

    def __post_init__(self) -> None:
        check(self)

    @staticmethod
    def upgrade(values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Sort the fields of version 0.1, which had no groups, into their groups."""
        if not isinstance(values.get("objective"), str):
            return values
        kind = find_objective_config(values["objective"])
        groups = {
            "data": DataConfig,
            "model": ModelConfig,
            "optimizer": OptimizerConfig,
            "loop": LoopConfig,
            "objective": kind,
        }
        upgraded: dict[str, Any] = {
            name: values[name] for name in ("view", "monitor_epochs") if name in values
        }
        # What other objectives read is left out: it had no effect.
        for group, of_group in groups.items():
            names = {field.name for field in fields(of_group)} & values.keys()
            upgraded[group] = {name: values[name] for name in names}
        upgraded["objective"]["name"] = kind.name
        return upgraded
