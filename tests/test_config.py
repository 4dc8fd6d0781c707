import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from dilo.config import (
    BELOW_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    check,
    did_you_mean,
    difference,
    from_dict,
    lookup,
    override,
    replace,
    setting,
    to_dict,
    without_free,
)
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
    steps: tuple[int, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


def test_a_config_survives_json():
    config = Config(paste=Paste(probability=0.2), steps=(1, 2), extra={"a": [1, None]})
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
        ("masks", 3, "masks must be of type str, got 3"),
        ("paste", 3, "paste must be of type Paste, got 3"),
        ("plain", None, "plain must be of type Paste, got None"),
        ("steps", 3, r"steps must be of type tuple\[int, \.\.\.\], got 3"),
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
        ("epoch", r"field 'epoch' \(did you mean 'epochs'\?\); there are: epochs"),
        ("plain.chance", "no config field 'plain.chance'.*; there are: .*probability"),
        ("paste.probability", "no config field 'paste.probability'"),
        ("epochs.x", "no config field 'epochs.x'"),
    ],
)
def test_replace_names_what_is_not_there(name, message):
    with pytest.raises(InputError, match=message):
        replace(Config(), **{name: 1})


def test_the_end_of_a_path_is_enough_where_no_other_field_has_it():
    assert replace(Config(), probability=0.2).plain == Paste(probability=0.2)
    both = Config(paste=Paste())
    with pytest.raises(InputError, match=r"any of paste.probability, plain.prob"):
        replace(both, probability=0.2)
    assert lookup(to_dict(Config()), "kinds") == ("grey", "texture")
    assert lookup(to_dict(both), "paste.probability") == 0.5


def test_override_reads_texts():
    texts = ["epochs=9", "lr = 1e-3", "name=a=b", "masks=null", "steps=[1,2]"]
    assert override(Config(masks="m"), texts) == Config(
        epochs=9, lr=1e-3, name="a=b", masks=None, steps=(1, 2)
    )
    with pytest.raises(InputError, match="--set needs field=value, got 'epochs'"):
        override(Config(), ["epochs"])


def test_a_text_that_looks_like_a_number_is_text_in_quotes():
    assert override(Config(), ['name="2024"']).name == "2024"


def test_difference_lists_fields_that_differ():
    old, new = to_dict(Config()), to_dict(replace(Config(), epochs=5))
    assert difference(old, new) == ["epochs: 3 -> 5"]
    assert difference(old, old) == []
    nested = to_dict(replace(Config(), **{"plain.probability": 0.2}))
    assert difference(old, nested) == ["plain.probability: 0.5 -> 0.2"]


@dataclass(frozen=True, kw_only=True)
class Circle:
    name: str = field(default="circle", init=False)
    radius: float = setting(1.0, POSITIVE)

    def __post_init__(self):
        check(self)


@dataclass(frozen=True, kw_only=True)
class Square:
    name: str = field(default="square", init=False)
    side: float = 1.0
    turn: float = setting(0.0, BELOW_ONE)
    weight: float = setting(0.0, NOT_NEGATIVE)
    colour: Literal["red", "blue"] = "red"

    def __post_init__(self):
        check(self)


@dataclass(frozen=True, kw_only=True)
class Drawing:
    shape: Circle | Square = Circle()
    workers: int = setting(4, free=True)
    title: str = ""

    @staticmethod
    def upgrade(values):
        return {"title": values["caption"]} if "caption" in values else values


def test_one_of_several_configs_is_chosen_by_its_name():
    for shape in (Circle(radius=2.0), Square(side=3.0)):
        stored = json.loads(json.dumps(to_dict(Drawing(shape=shape))))
        assert stored["shape"]["name"] == shape.name
        assert from_dict(Drawing, stored).shape == shape
    with pytest.raises(InputError, match="Square has no field 'radius'; it has: name"):
        from_dict(Drawing, {"shape": {"name": "square", "radius": 1.0}})
    with pytest.raises(InputError, match="shape must be one of circle, square, got 'x"):
        from_dict(Drawing, {"shape": {"name": "x"}})
    with pytest.raises(InputError, match="shape is a config with fields, got 'square'"):
        from_dict(Drawing, {"shape": "square"})


def test_missing_fields_have_their_default_and_former_layouts_are_upgraded():
    assert from_dict(Drawing, {"title": "a"}) == Drawing(title="a")
    assert from_dict(Drawing, {"caption": "a"}) == Drawing(title="a")


def test_free_fields_are_declared_with_their_default():
    assert Drawing().workers == 4
    fixed = without_free(Drawing())
    assert fixed == {"shape": {"name": "circle", "radius": 1.0}, "title": ""}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Circle(radius=0), "radius must be positive, got 0"),
        (lambda: Circle(radius=float("inf")), "radius must be positive, got inf"),
        (lambda: Square(turn=1.0), r"turn must be in \[0, 1\), got 1.0"),
        (lambda: Square(weight=-1.0), "weight must not be negative, got -1.0"),
        (lambda: Square(weight=float("nan")), "weight must not be negative, got nan"),
        (
            lambda: Square(colour="green"),
            "colour must be one of red, blue, got 'green'",
        ),
    ],
)
def test_fields_are_checked_with_one_message(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("epoch", "epochs"),
        ("batch", "batch_size"),
        ("learning_rate", "lr"),
        ("checkpoint-minutes", "checkpoint_minutes"),
        ("--learning-rate", "--lr"),
        ("--batch", "--batch-size"),
        ("mine", "mine-backgrounds"),
        ("colour", None),
        ("e", None),
    ],
)
def test_what_was_meant_is_guessed(name, choice):
    choices = ["lr", "epochs", "batch_size", "checkpoint_minutes", "mine-backgrounds"]
    if name.startswith("--"):
        choices = ["--lr", "--batch-size"]
    hint = "" if choice is None else f" (did you mean {choice!r}?)"
    assert did_you_mean(name, choices) == hint
