import pytest

from dilo.augment import VIEW_CHAINS
from dilo.errors import InputError
from dilo.pretrain import OBJECTIVES, RECIPES, PretrainConfig, recipe
from dilo.training.optimizer import learning_rate


def test_instdisc_is_the_default():
    assert recipe("instdisc", images="a") == PretrainConfig(images="a")


@pytest.mark.parametrize("objective", RECIPES)
def test_every_recipe_is_a_config_and_says_no_more_than_it_changes(objective):
    config = recipe(objective, images="a")
    assert config.objective == objective
    default = PretrainConfig(images="a")
    for field in RECIPES[objective]:
        if field != "view":
            assert getattr(config, field) != getattr(default, field), field


def test_every_objective_has_a_recipe():
    assert set(OBJECTIVES) <= set(RECIPES)


@pytest.mark.parametrize(
    ("objective", "epochs"),
    [
        ("instdisc", [120, 160]),
        ("rotation", [15, 30, 45]),
        ("deepcluster", []),
        ("local_aggregation", [160, 190]),
        ("supervised", [30, 60]),
    ],
)
def test_the_rate_falls_after_the_published_epochs(objective, epochs):
    config = recipe(objective, images="a")
    steps = 501  # of an epoch
    total = config.epochs * steps
    rates = [
        learning_rate(config.optimizer(), epoch * steps / total)
        for epoch in range(config.epochs)
    ]
    falls = [
        epoch for epoch in range(1, config.epochs) if rates[epoch] < rates[epoch - 1]
    ]
    assert falls == epochs


def test_what_is_given_wins_and_reaches_into_the_chain():
    changes = {"view.copy_paste.probability": 0.1, "lr": 0.5}
    config = recipe("moco_v2", images="a", **changes)
    assert (config.lr, config.temperature) == (0.5, 0.2)
    assert config.view.copy_paste.probability == 0.1
    assert config.view.blur_probability == VIEW_CHAINS["moco_v2"].blur_probability


def test_another_chain_keeps_the_pasting():
    config = recipe("moco_v2", chain="table1_flip", images="a")
    assert config.view.crop == "centre"
    assert config.view.copy_paste.probability == 0.3


def test_unknown_names_list_the_choices():
    with pytest.raises(InputError, match=r"one of instdisc, .*, got 'simclr'"):
        recipe("simclr", images="a")
    with pytest.raises(InputError, match="must be one of instdisc, moco_v1"):
        recipe("instdisc", chain="simclr", images="a")
    with pytest.raises(InputError, match="no config field 'rate'"):
        recipe("instdisc", images="a", rate=1.0)
