"""The published recipes: sources are the papers, and the programs of their authors."""

import pytest

from dilo.augment import VIEW_CHAINS
from dilo.config import lookup, to_dict
from dilo.errors import InputError
from dilo.pretrain import OBJECTIVES, RECIPES, PretrainConfig, recipe
from dilo.pretrain.config import DataConfig
from dilo.training.optimizer import learning_rate

# objective -> rate of the first and of the last epoch, and other published numbers.
PUBLISHED = {
    # Wu et al., CVPR 2018, and its program: steps at 120 and 160. The number of
    # negatives is the program's; it counts them as 4096.
    "instdisc": (
        (0.03, 0.0003),
        {"epochs": 200, "batch_size": 256, "weight_decay": 1e-4, "momentum": 0.9}
        | {"temperature": 0.07, "negatives": 4096, "bank_momentum": 0.5}
        | {"embedding_dim": 128, "solver": "sgd", "nesterov": False},
    ),
    "instdisc_nce": (
        (0.03, 0.0003),
        {"epochs": 200, "batch_size": 256, "weight_decay": 1e-4, "momentum": 0.9}
        | {"temperature": 0.07, "negatives": 4096, "bank_momentum": 0.5},
    ),
    # He et al., CVPR 2020, and facebookresearch/moco: steps at 120 and 160.
    "moco_v1": (
        (0.03, 0.0003),
        {"epochs": 200, "batch_size": 256, "weight_decay": 1e-4, "momentum": 0.9}
        | {"temperature": 0.07, "negatives": 65536, "key_momentum": 0.999}
        | {"embedding_dim": 128, "shuffle_groups": 8},
    ),
    # Chen et al., 2020 (MoCo v2), and the same program: cosine to 0 over 200 epochs.
    "moco_v2": (
        (0.03, 1.85e-6),
        {"epochs": 200, "batch_size": 256, "weight_decay": 1e-4, "momentum": 0.9}
        | {"temperature": 0.2, "negatives": 65536, "key_momentum": 0.999}
        | {"schedule": "cosine", "jitter": (0.4, 0.4, 0.4, 0.1)},
    ),
    # Gidaris et al., ICLR 2018: AlexNet on ImageNet in the program of the authors,
    # whose table of rates holds 0.01 to epoch 15, 0.001 to 30, 0.0001 to 45, then
    # 0.00001. The 0.1 that the config names too is overridden from the first epoch.
    "rotation": (
        (0.01, 1e-5),
        {"epochs": 50, "batch_size": 192, "weight_decay": 5e-4, "momentum": 0.9}
        | {"nesterov": True, "min_area": 0.08, "jitter_probability": 0.0},
    ),
    # Zhang et al., ECCV 2016: Adam with beta2 = 0.99. The steps are ours.
    "colorization": (
        (3e-5, 3e-7),
        {"solver": "adam", "momentum": 0.9, "weight_decay": 1e-3}
        | {"grey_probability": 0.0, "jitter_probability": 0.0},
    ),
    # Caron et al., ECCV 2018: AlexNet in facebookresearch/deepcluster; a constant rate.
    "deepcluster": (
        (0.05, 0.05),
        {"epochs": 200, "batch_size": 256, "weight_decay": 1e-5, "momentum": 0.9}
        | {"clusters": 10000, "sobel": True},
    ),
    # Zhuang et al., ICCV 2019, and its program: steps at 160 and 190.
    "local_aggregation": (
        (0.03, 0.0003),
        {"epochs": 200, "batch_size": 128, "weight_decay": 1e-4, "momentum": 0.9}
        | {"temperature": 0.07, "embedding_dim": 128, "bank_momentum": 0.5}
        | {"clusters": 30000, "cluster_runs": 10, "close_neighbours": 4096}
        | {"warmup_epochs": 10},
    ),
    # torchvision's references/classification: steps at 30 and 60.
    "supervised": (
        (0.1, 0.001),
        {"epochs": 90, "batch_size": 256, "weight_decay": 1e-4, "momentum": 0.9},
    ),
}


@pytest.mark.parametrize("objective", PUBLISHED)
def test_every_recipe_has_the_published_numbers(objective):
    rates, numbers = PUBLISHED[objective]
    config = recipe(objective, images="a")
    last = (config.loop.epochs - 1) / config.loop.epochs
    found = [learning_rate(config.optimizer, progress) for progress in (0.0, last)]
    assert found == pytest.approx(rates, rel=1e-3)
    values = to_dict(config)
    assert {name: lookup(values, name) for name in numbers} == numbers


@pytest.mark.parametrize(
    ("objective", "epochs"),
    [
        ("instdisc", [120, 160]),
        ("moco_v1", [120, 160]),
        ("rotation", [15, 30, 45]),
        ("deepcluster", []),
        ("local_aggregation", [160, 190]),
        ("supervised", [30, 60]),
    ],
)
def test_the_rate_falls_after_the_published_epochs(objective, epochs):
    config = recipe(objective, images="a")
    steps = 501  # of an epoch
    total = config.loop.epochs * steps
    rates = [
        learning_rate(config.optimizer, epoch * steps / total)
        for epoch in range(config.loop.epochs)
    ]
    falls = [
        epoch
        for epoch in range(1, config.loop.epochs)
        if rates[epoch] < rates[epoch - 1]
    ]
    assert falls == epochs


def test_instdisc_is_the_default():
    default = PretrainConfig(data=DataConfig(images="a"))
    assert recipe("instdisc", images="a") == default


@pytest.mark.parametrize("objective", RECIPES)
def test_a_recipe_says_no_more_than_it_changes(objective):
    config = recipe(objective, images="a")
    assert config.objective.name == objective
    default = to_dict(PretrainConfig(data=DataConfig(images="a")))
    for field, value in RECIPES[objective].items():
        if field != "view":
            assert lookup(default, field) != value, field


def test_every_objective_has_a_recipe():
    assert set(OBJECTIVES) == set(RECIPES) == set(PUBLISHED)


def test_what_is_given_wins_and_reaches_into_the_chain():
    changes = {"copy_paste.probability": 0.1, "lr": 0.5}
    config = recipe("moco_v2", images="a", **changes)
    assert (config.optimizer.lr, config.objective.temperature) == (0.5, 0.2)
    assert config.view.copy_paste.probability == 0.1
    assert config.view.blur_probability == VIEW_CHAINS["moco_v2"].blur_probability
    full = {"view.copy_paste.probability": 0.1, "optimizer.lr": 0.5}
    assert recipe("moco_v2", **{"data.images": "a"}, **full) == config


def test_another_chain_keeps_the_pasting():
    config = recipe("moco_v2", chain="table1_flip", images="a")
    assert config.view.crop == "centre"
    assert config.view.copy_paste.probability == 0.3


def test_unknown_names_list_the_choices():
    with pytest.raises(InputError, match=r"one of instdisc, .*, got 'simclr'"):
        recipe("simclr", images="a")
    with pytest.raises(InputError, match="must be one of instdisc, moco_v1"):
        recipe("instdisc", chain="simclr", images="a")
    message = r"no config field 'epoch' \(did you mean 'epochs'\?\); there are: data, "
    with pytest.raises(InputError, match=message):
        recipe("instdisc", images="a", epoch=1)
