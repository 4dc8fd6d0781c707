import json

import pytest

from dilo.config import from_dict, override, to_dict
from dilo.errors import InputError
from dilo.pretrain import PretrainConfig

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
    ("schedule", "linear", "schedule"),
    ("bank_momentum", 1.0, r"bank_momentum must be in \[0, 1\), got 1.0"),
    ("key_momentum", 1.0, r"key_momentum must be in \[0, 1\), got 1.0"),
    ("accumulate", 0, "accumulate must be positive, got 0"),
    ("accumulate", 129, "at most 128 for batches of 256, got 129"),
    ("milestones", (0.8, 0.6), r"milestones are rising.*got \(0.8, 0.6\)"),
    ("milestones", (1.0,), "milestones"),
    ("solver", "lars", "solver is sgd or adam, got 'lars'"),
    ("shuffle_groups", 0, "shuffle_groups"),
    ("clusters", 0, "clusters must be positive"),
    ("cluster_runs", 0, "cluster_runs"),
    ("close_neighbours", 0, "close_neighbours"),
    ("warmup_epochs", -1, "warmup_epochs must not be negative, got -1"),
    ("cache_size", 0, "cache_size must be positive, got 0"),
    ("workers", -1, "workers must not be negative, got -1"),
    ("seed", -1, r"seed must be in \[0, 2\*\*32\), got -1"),
    ("seed", 2**32, "seed"),
    ("checkpoint_epochs", 0, "checkpoint_epochs"),
    ("checkpoint_minutes", -1.0, "checkpoint_minutes must be >= 0, got -1.0"),
    ("checkpoint_minutes", float("nan"), "checkpoint_minutes"),
    ("log_every", 0, "log_every"),
    ("arch", "vgg", "no backbone 'vgg'; there are: conv6"),
    ("precision", "16", "precision must be one of auto, 32-true, bf16-mixed, got '16'"),
]


@pytest.mark.parametrize(("field", "value", "message"), BAD)
def test_bad_values_are_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        PretrainConfig(images="photographs", **{field: value})


@pytest.mark.parametrize("other", [{"solver": "adam"}, {"momentum": 0.0}])
def test_nesterov_needs_momentum_of_sgd(other):
    with pytest.raises(InputError, match="nesterov is a kind of momentum of sgd"):
        PretrainConfig(images="photographs", nesterov=True, **other)


def test_config_comes_back_from_json():
    config = PretrainConfig(images="a", masks="b", cache_size=64, schedule="cosine")
    config = override(config, ["view.copy_paste.probability=0.3", "view.min_area=0.1"])
    assert config.view.copy_paste.probability == 0.3
    text = json.dumps(to_dict(config))
    assert from_dict(PretrainConfig, json.loads(text)) == config
