"""Configs are frozen dataclasses; here they become JSON, come back, and are changed.

A field has its help in the string below it, which the command line shows. A config may
say how older versions wrote it: by a static method `upgrade(values)` that rearranges
what was stored.
"""

import contextlib
import dataclasses
import difflib
import json
import math
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from dilo.errors import InputError

ConfigT = TypeVar("ConfigT")
FieldT = TypeVar("FieldT")

# What the values of a field must be, and whether one is.
Rule = tuple[str, Callable[[Any], bool]]
POSITIVE: Rule = ("must be positive", lambda value: 0 < value < math.inf)
NOT_NEGATIVE: Rule = ("must not be negative", lambda value: 0 <= value < math.inf)
BELOW_ONE: Rule = ("must be in [0, 1)", lambda value: 0 <= value < 1)


def within(low: float, high: float) -> Rule:
    """Give the rule that a value lies in an interval, whose ends belong to it."""
    return f"must be in [{low}, {high}]", lambda value: low <= value <= high


SHARE = within(0, 1)


def setting(default: FieldT, rule: Rule | None = None, *, free: bool = False) -> FieldT:
    """Declare a field of a config.

    Args:
        default: its default.
        rule: what `check` holds it to.
        free: it may change when a run is continued, for the result does not depend
            on it.
    """
    metadata = {"rule": rule, "free": free}
    return dataclasses.field(default=default, metadata=metadata)


def check(config: Any) -> None:
    """Check the fields that have a rule or are a `Literal`; for `__post_init__`.

    Raises:
        InputError: a value breaks its rule, or is none of the choices.
    """
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if typing.get_origin(hints[field.name]) is typing.Literal:
            _convert(hints[field.name], value, field.name)
        demand, holds = field.metadata.get("rule") or ("", bool)
        if demand and value is not None and not holds(value):
            raise InputError(f"{field.name} {demand}, got {value}")


def to_dict(config: Any) -> dict[str, Any]:
    """Turn a config into plain dicts, numbers and strings, ready for JSON."""
    return dataclasses.asdict(config)


def without_free(config: Any) -> dict[str, Any]:
    """Turn a config into a dict of those fields that the result depends on."""
    return {
        field.name: without_free(value) if dataclasses.is_dataclass(value) else value
        for field in dataclasses.fields(config)
        if not field.metadata.get("free")
        for value in (getattr(config, field.name),)
    }


def from_dict(kind: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Build a config of class `kind` from what `to_dict` gave, also in older versions.

    Raises:
        InputError: a field is unknown or its value is of another type.
    """
    values = getattr(kind, "upgrade", dict)(values)
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    converted = {}
    for name, value in values.items():
        if name not in fields:
            raise InputError(
                f"{kind.__name__} has no field {name!r}; it has: {', '.join(fields)}"
            )
        if fields[name].init:  # else it is the name of the class
            converted[name] = _convert(hints[name], value, name)
    return kind(**converted)


def replace(config: ConfigT, **changes: Any) -> ConfigT:
    """Return `config` with fields changed.

    A field of a nested config is named by its path, such as `loop.epochs`, or by the
    end of it that no other field has: `epochs`.

    Raises:
        InputError: there is no such field, or its new value is unusable.
    """
    values = to_dict(config)
    for name, value in changes.items():
        *groups, last = _find(values, name).split(".")
        target = values
        for group in groups:
            target = target[group]
        target[last] = to_dict(value) if dataclasses.is_dataclass(value) else value
    return from_dict(type(config), values)


def override(config: ConfigT, assignments: Sequence[str]) -> ConfigT:
    """Apply `field=value` texts, as the command line's `--set` gives them.

    A value is read as JSON, and as plain text where it is no JSON.

    Raises:
        InputError: a text has no "=", or `replace` refuses the field or value.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(f"--set needs field=value, got {assignment!r}")
        changes[name.strip()] = text
        with contextlib.suppress(json.JSONDecodeError):
            changes[name.strip()] = json.loads(text)
    return replace(config, **changes)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """List the fields in which two config dicts differ, as `field: old -> new`."""
    lines: list[str] = []
    for key in sorted({*old, *new}):
        left, right = old.get(key), new.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            lines += [f"{key}.{line}" for line in difference(left, right)]
        elif left != right:
            lines.append(f"{key}: {left!r} -> {right!r}")
    return lines


def did_you_mean(name: str, choices: Sequence[str]) -> str:
    """Give ` (did you mean X?)` for the choice that is closest; empty if none is.

    One that the name begins, or abbreviates, counts too: batch, learning_rate.
    """
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.7)
    initials = "".join(word[:1] for word in re.split("[-_]", name))
    close += [
        each
        for each in choices
        if (len(name) > 2 and each.startswith(name))
        or (len(initials) > 1 and each.strip("-") == initials)
    ]
    return f" (did you mean {close[0]!r}?)" if close else ""


def lookup(values: Mapping[str, Any], name: str) -> Any:
    """Give a field of a config dict by its path, or by the end of it.

    Raises:
        InputError: there is no such field.
    """
    for part in _find(values, name).split("."):
        values = values[part]
    return values


def _find(values: Mapping[str, Any], name: str) -> str:
    """Give the whole path of a field that is named by the end of its path."""
    paths = list(_paths(values))
    found = [path for path in paths if f".{path}".endswith(f".{name}")]
    if name in found:
        return name
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"field {name!r} may be any of {', '.join(found)}")
    leaves = [path.rpartition(".")[2] for path in paths]
    hint = did_you_mean(name, [*leaves, *paths])
    raise InputError(f"no config field {name!r}{hint}; there are: {', '.join(leaves)}")


def _paths(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield name
        if isinstance(value, Mapping):
            yield from (f"{name}.{path}" for path in _paths(value))


def _convert(hint: Any, value: Any, name: str) -> Any:
    """Check a JSON value against a field's type, building nested configs.

    Fields are numbers, texts, configs, one of several configs, literals, dicts for
    JSON, tuples of one type, or any of these or None.
    """
    kind, items = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind in (typing.Union, types.UnionType):
        return _convert_union(items, value, name)
    if kind is typing.Literal:
        # By type too, for 1 == True == 1.0
        if not any(value == item and type(value) is type(item) for item in items):
            choices = ", ".join(map(str, items))
            raise InputError(f"{name} must be one of {choices}, got {value!r}")
    elif dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return from_dict(kind, value)  # type: ignore[arg-type]
    elif kind is tuple and isinstance(value, (list, tuple)):
        return tuple(_convert(items[0], entry, name) for entry in value)
    elif kind is float and type(value) is int:
        return float(value)
    elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        text = kind.__name__ if hint is kind else str(hint)
        raise InputError(f"{name} must be of type {text}, got {value!r}")
    return value


def _convert_union(options: tuple[Any, ...], value: Any, name: str) -> Any:
    """Convert to a type or None, or to one of several configs, by its name."""
    if value is None and type(None) in options:
        return None
    named = {option.name: option for option in options if hasattr(option, "name")}
    if not named:
        return _convert(next(o for o in options if o is not type(None)), value, name)
    if not isinstance(value, Mapping):
        raise InputError(f"{name} is a config with fields, got {value!r}")
    if value.get("name") not in named:
        choices = ", ".join(named)
        raise InputError(f"{name} must be one of {choices}, got {value.get('name')!r}")
    return from_dict(named[value["name"]], value)
