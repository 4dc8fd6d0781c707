"""Configs are frozen dataclasses; here they become JSON, come back, and are changed."""

import dataclasses
import itertools
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from dilo.errors import InputError

ConfigT = TypeVar("ConfigT")


def to_dict(config: Any) -> dict[str, Any]:
    """Turn a config into plain dicts, numbers and strings, ready for JSON."""
    return dataclasses.asdict(config)


def from_dict(kind: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Build a config of class `kind` from what `to_dict` gave.

    Raises:
        InputError: a field is unknown or its value is of another type.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise InputError(
            f"{kind.__name__} has no field {unknown[0]!r}; it has: {', '.join(hints)}"
        )
    fields = {key: _convert(hints[key], value, key) for key, value in values.items()}
    return kind(**fields)


def replace(config: ConfigT, **changes: Any) -> ConfigT:
    """Return `config` with fields changed; a dotted name reaches a nested config.

    Raises:
        InputError: there is no such field, or its new value is unusable.
    """
    values = to_dict(config)
    for name, value in changes.items():
        target = values
        *parents, last = name.split(".")
        for depth, parent in enumerate(parents):
            if not isinstance(target.get(parent), dict):
                path = ".".join(parents[: depth + 1])
                raise InputError(f"{type(config).__name__} has no group {path!r}")
            target = target[parent]
        if last not in target:
            choices = ", ".join(target)
            raise InputError(f"no config field {name!r}; there are: {choices}")
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
        try:
            changes[name.strip()] = json.loads(text)
        except json.JSONDecodeError:
            changes[name.strip()] = text
    return replace(config, **changes)


def grid(
    config: ConfigT, axes: Mapping[str, Sequence[Any]]
) -> Iterator[tuple[str, ConfigT]]:
    """Yield (name, config) for every combination of the values of each field."""
    for values in itertools.product(*axes.values()):
        changes = dict(zip(axes, values, strict=True))
        name = ",".join(
            f"{key.split('.')[-1]}={value}" for key, value in changes.items()
        )
        yield name, replace(config, **changes)


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


def _convert(hint: Any, value: Any, name: str) -> Any:
    """Check a JSON value against a field's type, building nested configs."""
    if typing.get_origin(hint) is not None or isinstance(hint, types.UnionType):
        return _convert_generic(hint, value, name)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, Mapping):
            return from_dict(hint, value)
    elif hint is Any:
        return value
    elif hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise _wrong_type(hint, value, name)


def _convert_generic(hint: Any, value: Any, name: str) -> Any:
    """Convert to a type with parameters: a union, Literal, tuple, list or dict."""
    kind, items = typing.get_origin(hint), typing.get_args(hint)
    if kind in (typing.Union, types.UnionType):
        return _convert_union(hint, value, name)
    if kind is typing.Literal:
        # By type too, for 1 == True == 1.0
        if any(value == item and type(value) is type(item) for item in items):
            return value
        choices = ", ".join(map(str, items))
        raise InputError(f"{name} must be one of {choices}, got {value!r}")
    if kind is dict and isinstance(value, Mapping):
        return {key: _convert(items[1], entry, name) for key, entry in value.items()}
    if kind in (tuple, list) and isinstance(value, (list, tuple)):
        if kind is list or items[1:] == (...,):
            items = (items[0],) * len(value)
        if len(items) != len(value):
            raise InputError(f"{name} needs {len(items)} values, got {value!r}")
        pairs = zip(items, value, strict=True)
        return kind(_convert(item, entry, name) for item, entry in pairs)
    raise _wrong_type(hint, value, name)


def _convert_union(hint: Any, value: Any, name: str) -> Any:
    if value is None and type(None) in typing.get_args(hint):
        return None
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    if len(options) == 1:  # its own error says best what is wrong
        return _convert(options[0], value, name)
    for option in options:
        try:
            return _convert(option, value, name)
        except InputError:
            continue
    raise _wrong_type(hint, value, name)


def _wrong_type(hint: Any, value: Any, name: str) -> InputError:
    kind = hint.__name__ if isinstance(hint, type) else str(hint)
    return InputError(f"{name} must be of type {kind}, got {value!r}")
