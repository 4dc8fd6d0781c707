"""Objectives for a few images."""

from dataclasses import fields

from dilo.pretrain.objective_configs import OBJECTIVE_CONFIGS, ObjectiveConfig

# Of all objectives together; each takes those that it has.
SMALL = {
    "negatives": 8,
    "embedding_dim": 16,
    "shuffle_groups": 2,
    "clusters": 4,
    "cluster_runs": 2,
    "close_neighbours": 6,
    "warmup_epochs": 1,
}


def small_objective(name: str, **changes: object) -> ObjectiveConfig:
    """Give the config of an objective for a few images, with fields changed."""
    kind = OBJECTIVE_CONFIGS[name]
    own = objective_fields(name)
    return kind(**{k: v for k, v in {**SMALL, **changes}.items() if k in own})


def objective_fields(name: str) -> set[str]:
    """Name what can be set of an objective."""
    return {field.name for field in fields(OBJECTIVE_CONFIGS[name]) if field.init}
