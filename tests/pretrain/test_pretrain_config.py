import json

import pytest

from dilo.config import from_dict, override, replace, to_dict
from dilo.errors import InputError
from dilo.pretrain import PretrainConfig, recipe
from dilo.pretrain.objective_configs import (
    DeepClusterConfig,
    InstDiscConfig,
    MoCoV2Config,
)

BAD = [
    ("epochs", 0, "epochs must be positive, got 0"),
    ("crop_size", -1, "crop_size must be positive, got -1"),
    ("batch_size", 1, "batch_size must be at least 2, got 1"),
    ("negatives", 0, "negatives"),
    ("embedding_dim", 0, "embedding_dim"),
    ("temperature", 0.0, "temperature must be positive, got 0.0"),
    ("temperature", float("nan"), "temperature must be positive, got nan"),
    ("lr", -1.0, "lr must be positive, got -1.0"),
    ("momentum", 1.5, "momentum"),
    ("schedule", "linear", "schedule must be one of step, cosine, got 'linear'"),
    ("bank_momentum", 1.0, r"bank_momentum must be in \[0, 1\), got 1.0"),
    ("accumulate", 0, "accumulate must be positive, got 0"),
    ("accumulate", 65, "at most 64 for batches of 128, got 65"),
    ("milestones", (0.8, 0.6), r"milestones are rising.*got \(0.8, 0.6\)"),
    ("milestones", (1.0,), "milestones"),
    ("solver", "lars", "solver must be one of sgd, adam, got 'lars'"),
    ("clusters", 0, "clusters must be positive"),
    ("cluster_runs", 0, "cluster_runs"),
    ("close_neighbours", 0, "close_neighbours"),
    ("warmup_epochs", -1, "warmup_epochs must not be negative, got -1"),
    ("cache_size", 0, "cache_size must be positive, got 0"),
    ("workers", -1, "workers must not be negative, got -1"),
    ("monitor_epochs", -1, "monitor_epochs must not be negative, got -1"),
    ("seed", -1, r"seed must be in \[0, 2\*\*32\), got -1"),
    ("seed", 2**32, "seed"),
    ("checkpoint_epochs", 0, "checkpoint_epochs"),
    ("checkpoint_minutes", -1.0, "checkpoint_minutes must be >= 0, got -1.0"),
    ("checkpoint_minutes", float("nan"), "checkpoint_minutes"),
    ("log_every", 0, "log_every"),
    ("arch", "vgg", "no backbone 'vgg'; there are: conv6"),
    ("precision", "16", "precision must be one of auto, 32-true, bf16-mixed, got '16'"),
]

# What version 0.1 wrote: without groups, with the fields of every objective.
FLAT = """{
  "images": "/photos", "masks": "/masks", "labels": null, "objective": "moco_v2",
  "arch": "resnet18", "small_stem": true, "epochs": 50, "batch_size": 128,
  "accumulate": 2, "crop_size": 64, "cache_size": 72, "lr": 0.05, "schedule": "cosine",
  "milestones": [0.6, 0.8], "solver": "sgd", "momentum": 0.9, "nesterov": false,
  "weight_decay": 0.0001, "temperature": 0.1, "negatives": 4096, "embedding_dim": 64,
  "bank_momentum": 0.5, "key_momentum": 0.99, "shuffle_groups": 4, "clusters": 10000,
  "cluster_runs": 10, "close_neighbours": 4096, "warmup_epochs": 10, "sobel": true,
  "view": {"crop": "scale", "min_area": 0.3, "copy_paste": {"probability": 0.3}},
  "seed": 3, "precision": "32-true", "workers": 2, "checkpoint_epochs": 5,
  "checkpoint_minutes": 10.0, "log_every": 20, "monitor_epochs": 2
}"""


@pytest.mark.parametrize(("field", "value", "message"), BAD)
def test_bad_values_are_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        recipe("local_aggregation", images="photographs", **{field: value})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("key_momentum", 1.0, r"key_momentum must be in \[0, 1\), got 1.0"),
        ("shuffle_groups", 0, "shuffle_groups must be positive, got 0"),
    ],
)
def test_bad_values_of_moco_are_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        recipe("moco_v1", images="photographs", **{field: value})


@pytest.mark.parametrize("other", [{"solver": "adam"}, {"momentum": 0.0}])
def test_nesterov_needs_momentum_of_sgd(other):
    with pytest.raises(InputError, match="nesterov is a kind of momentum of sgd"):
        recipe("instdisc", images="photographs", nesterov=True, **other)


def test_a_field_of_another_objective_is_refused_by_name():
    with pytest.raises(InputError, match=r"no config field 'clusters'.*negatives"):
        recipe("moco_v1", images="photographs", clusters=3)
    values = to_dict(recipe("deepcluster", images="photographs"))
    values["objective"]["negatives"] = 8
    message = "DeepClusterConfig has no field 'negatives'; it has: name, clusters"
    with pytest.raises(InputError, match=message):
        from_dict(PretrainConfig, values)


def test_config_comes_back_from_json():
    config = recipe("moco_v2", images="a", masks="b", cache_size=64, schedule="step")
    config = override(config, ["copy_paste.probability=0.3", "min_area=0.1"])
    assert config.view.copy_paste.probability == 0.3
    assert config.view.min_area == 0.1
    text = json.dumps(to_dict(config))
    assert from_dict(PretrainConfig, json.loads(text)) == config


def test_an_objective_is_stored_by_its_name_and_can_be_changed_whole():
    config = recipe("instdisc", images="a")
    assert to_dict(config)["objective"]["name"] == "instdisc"
    assert config.objective == InstDiscConfig()
    other = replace(config, objective=DeepClusterConfig(clusters=7))
    assert other.objective == DeepClusterConfig(clusters=7)
    values = to_dict(config) | {"objective": {"name": "simclr"}}
    with pytest.raises(InputError, match=r"one of instdisc, .* got 'simclr'"):
        from_dict(PretrainConfig, values)


def test_a_config_of_version_0_1_is_sorted_into_groups():
    config = from_dict(PretrainConfig, json.loads(FLAT))
    assert config == recipe(
        "moco_v2",
        images="/photos",
        masks="/masks",
        arch="resnet18",
        small_stem=True,
        crop_size=64,
        cache_size=72,
        epochs=50,
        batch_size=128,
        accumulate=2,
        lr=0.05,
        seed=3,
        precision="32-true",
        workers=2,
        checkpoint_epochs=5,
        log_every=20,
        monitor_epochs=2,
        view=config.view,
        objective=MoCoV2Config(
            temperature=0.1,
            negatives=4096,
            embedding_dim=64,
            key_momentum=0.99,
            shuffle_groups=4,
        ),
    )
    assert (config.view.min_area, config.view.copy_paste.probability) == (0.3, 0.3)


def test_a_config_of_version_0_1_with_an_unknown_objective_says_so():
    values = json.loads(FLAT) | {"objective": "simclr"}
    with pytest.raises(InputError, match="objective must be one of instdisc"):
        from_dict(PretrainConfig, values)
