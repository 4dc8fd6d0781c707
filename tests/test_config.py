import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from dilo.config import difference, from_dict, grid, override, replace, to_dict
from dilo.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Paste:
    probability: float = 0.5
    kinds: tuple[str, ...] = ("grey", "texture")

    def __post_init__(self):
        if not 0 <= self.probability <= 1:
            raise InputError(f"probability must be in [0, 1], got {self.probability}")


@dataclass(frozen=True, kw_only=True)
class Config:
    epochs: int = 3
    lr: float = 0.1
    name: str = "x"
    resume: bool = False
    arch: Literal["small", "large"] = "small"
    masks: str | None = None
    paste: Paste | None = None
    plain: Paste = Paste()
    size: tuple[int, float] = (1, 0.5)
    steps: list[int] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


def test_a_config_survives_json():
    config = Config(paste=Paste(probability=0.2), steps=[1, 2], extra={"a": [1, None]})
    again = from_dict(Config, json.loads(json.dumps(to_dict(config))))
    assert again == config
    assert isinstance(again.plain.kinds, tuple)


def test_a_whole_number_is_a_float_where_one_is_asked_for():
    lr = from_dict(Config, {"lr": 1}).lr
    assert lr == 1.0
    assert isinstance(lr, float)


@pytest.mark.parametrize(
    ("field_name", "value", "message"),
    [
        ("epochs", 1.5, "epochs must be of type int, got 1.5"),
        ("epochs", True, "epochs must be of type int, got True"),
        ("epochs", None, "epochs must be of type int, got None"),
        ("lr", "fast", "lr must be of type float, got 'fast'"),
        ("lr", True, "lr must be of type float, got True"),
        ("name", 3, "name must be of type str, got 3"),
        ("resume", 1, "resume must be of type bool, got 1"),
        ("arch", "medium", "arch must be one of small, large, got 'medium'"),
        ("arch", ["small"], "arch must be one of small, large"),
        ("masks", 3, "masks must be of type .*str.*, got 3"),
        ("paste", 3, "paste must be of type .*Paste.*, got 3"),
        ("plain", None, "plain must be of type Paste, got None"),
        ("size", [1], r"size needs 2 values, got \[1\]"),
        ("size", [0.5, 1], "size must be of type int, got 0.5"),
        ("steps", 3, r"steps must be of type list\[int\], got 3"),
        ("steps", ["a"], "steps must be of type int, got 'a'"),
        ("extra", [], "extra must be of type dict"),
        ("nonsense", 1, "Config has no field 'nonsense'; it has: epochs, lr"),
    ],
)
def test_a_value_of_another_type_is_refused(field_name, value, message):
    with pytest.raises(InputError, match=message):
        from_dict(Config, {field_name: value})


def test_a_config_checks_itself_however_it_is_made():
    for make in (
        lambda: from_dict(Config, {"plain": {"probability": 2}}),
        lambda: replace(Config(), **{"plain.probability": 2}),
        lambda: override(Config(), ["plain.probability=2"]),
    ):
        with pytest.raises(InputError, match=r"probability must be in \[0, 1\], got 2"):
            make()


def test_a_wrong_value_in_an_optional_group_says_what_is_wrong_with_it():
    with pytest.raises(InputError, match=r"probability must be in \[0, 1\], got 2"):
        from_dict(Config, {"paste": {"probability": 2}})


def test_replace_changes_fields_of_any_depth():
    config = replace(Config(), epochs=9, **{"plain.probability": 1})
    assert config == Config(epochs=9, plain=Paste(probability=1.0))
    assert replace(Config(), paste=Paste()).paste == Paste()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("epoch", "no config field 'epoch'; there are: epochs"),
        ("plain.chance", "no config field 'plain.chance'; there are: probability"),
        ("paste.probability", "Config has no group 'paste'"),
        ("epochs.x", "Config has no group 'epochs'"),
    ],
)
def test_replace_names_what_is_not_there(name, message):
    with pytest.raises(InputError, match=message):
        replace(Config(), **{name: 1})


def test_override_reads_texts():
    texts = ["epochs=9", "lr = 1e-3", "name=a=b", "masks=null", "steps=[1,2]"]
    assert override(Config(masks="m"), texts) == Config(
        epochs=9, lr=1e-3, name="a=b", masks=None, steps=[1, 2]
    )
    with pytest.raises(InputError, match="--set needs field=value, got 'epochs'"):
        override(Config(), ["epochs"])


def test_a_text_that_looks_like_a_number_is_text_in_quotes():
    assert override(Config(), ['name="2024"']).name == "2024"


def test_grid_gives_every_combination_a_name():
    rows = dict(grid(Config(), {"epochs": [1, 2], "plain.probability": [0.1, 0.3]}))
    assert list(rows) == [
        "epochs=1,probability=0.1",
        "epochs=1,probability=0.3",
        "epochs=2,probability=0.1",
        "epochs=2,probability=0.3",
    ]
    assert rows["epochs=2,probability=0.1"].plain.probability == 0.1


def test_difference_lists_fields_that_differ():
    old, new = to_dict(Config()), to_dict(replace(Config(), epochs=5))
    assert difference(old, new) == ["epochs: 3 -> 5"]
    assert difference(old, old) == []
    nested = to_dict(replace(Config(), **{"plain.probability": 0.2}))
    assert difference(old, nested) == ["plain.probability: 0.5 -> 0.2"]
