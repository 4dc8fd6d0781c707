"""The settings of each objective, by its name; without torch, for the command line."""

from dataclasses import dataclass, field
from typing import get_args

from dilo.config import BELOW_ONE, NOT_NEGATIVE, POSITIVE, check, setting
from dilo.errors import InputError


@dataclass(frozen=True, kw_only=True)
class InstDiscConfig:
    """Instance discrimination with a memory bank, with the softmax."""

    name: str = field(default="instdisc", init=False)
    temperature: float = setting(0.07, POSITIVE)
    """Similarities are divided by it; smaller is sharper."""
    negatives: int = setting(4096, POSITIVE)
    """Other images that each is compared with; all where there are fewer."""
    embedding_dim: int = setting(128, POSITIVE)
    """Numbers of an embedding."""
    bank_momentum: float = setting(0.5, BELOW_ONE)
    """Share of an image's row of the bank that stays when it is seen again."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class InstDiscNCEConfig(InstDiscConfig):
    """Instance discrimination by noise-contrastive estimation, as published."""

    name: str = field(default="instdisc_nce", init=False)


@dataclass(frozen=True, kw_only=True)
class MoCoV1Config:
    """Momentum contrast with a queue of keys and a linear head."""

    name: str = field(default="moco_v1", init=False)
    temperature: float = setting(0.07, POSITIVE)
    """Similarities are divided by it; smaller is sharper."""
    negatives: int = setting(65536, POSITIVE)
    """Keys of earlier images that each is compared with: the length of the queue; as
    many as there are images where there are fewer."""
    embedding_dim: int = setting(128, POSITIVE)
    """Numbers of an embedding."""
    # 59.0 % at 0.999, 55.2 % at 0.9 (MoCo's table).
    key_momentum: float = setting(0.999, BELOW_ONE)
    """Share of the key encoder that stays at each step."""
    # So that batch norm does not tell which key is whose; published on 8 GPUs.
    shuffle_groups: int = setting(8, POSITIVE)
    """Parts of a batch with batch norms of their own."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class MoCoV2Config(MoCoV1Config):
    """Momentum contrast with a queue of keys and a head of two layers."""

    name: str = field(default="moco_v2", init=False)
    temperature: float = setting(0.2, POSITIVE)
    """Similarities are divided by it; smaller is sharper."""


@dataclass(frozen=True, kw_only=True)
class RotationConfig:
    """Which of four turns an image was given."""

    name: str = field(default="rotation", init=False)


@dataclass(frozen=True, kw_only=True)
class ColorizationConfig:
    """The colours of a grey image."""

    name: str = field(default="colorization", init=False)


@dataclass(frozen=True, kw_only=True)
class DeepClusterConfig:
    """The cluster of an image, among clusters found anew before every epoch."""

    name: str = field(default="deepcluster", init=False)
    clusters: int = setting(10000, POSITIVE)
    """Clusters of k-means; fewer for small sets."""
    sobel: bool = True
    """See edges alone, for colours make clusters too easy."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class LocalAggregationConfig(InstDiscConfig):
    """Close neighbours in the memory bank, against other neighbours."""

    name: str = field(default="local_aggregation", init=False)
    clusters: int = setting(30000, POSITIVE)
    """Clusters of each k-means run; fewer for small sets."""
    cluster_runs: int = setting(10, POSITIVE)
    """Clusterings that are united."""
    close_neighbours: int = setting(4096, POSITIVE)
    """Rows of the bank that count as near to an image."""
    warmup_epochs: int = setting(10, NOT_NEGATIVE)
    """Epochs of plain instance discrimination before the first clusters."""


@dataclass(frozen=True, kw_only=True)
class SupervisedConfig:
    """The labels of the images: what the others are compared with."""

    name: str = field(default="supervised", init=False)


ObjectiveConfig = (
    InstDiscConfig
    | InstDiscNCEConfig
    | MoCoV1Config
    | MoCoV2Config
    | RotationConfig
    | ColorizationConfig
    | DeepClusterConfig
    | LocalAggregationConfig
    | SupervisedConfig
)

OBJECTIVE_CONFIGS: dict[str, type[ObjectiveConfig]] = {
    kind.name: kind for kind in get_args(ObjectiveConfig)
}


def find_objective_config(name: str) -> type[ObjectiveConfig]:
    """Look up the settings of an objective.

    Raises:
        InputError: there is no objective of that name.
    """
    if name not in OBJECTIVE_CONFIGS:
        raise InputError(
            f"objective must be one of {', '.join(OBJECTIVE_CONFIGS)}, got {name!r}"
        )
    return OBJECTIVE_CONFIGS[name]
