"""Read the words of a command line by the signature of the command's function."""

import dataclasses
import functools
import inspect
import shutil
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Annotated, Any, NamedTuple

import docstring_parser
import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from dilo.config import did_you_mean
from dilo.errors import InputError

try:
    from tyro._errors import on_parse_error
except ImportError:  # a tyro that draws a box, and ends with the same status
    on_parse_error = nullcontext  # type: ignore[assignment]

MAX_WIDTH = 100  # of a description: longer lines are hard to read


class FromWords(NamedTuple):
    """Marks a parameter whose default depends on the words of the command line."""

    make: Callable[[Sequence[str]], Any]


def read_arguments(
    function: Callable[..., None], name: str, words: Sequence[str]
) -> Callable[[], None]:
    """Return the call of `function` that the words ask for.

    `--help` prints the help and ends the program by SystemExit, with status 0.

    Raises:
        InputError: a word is wrong or missing.
    """
    signature = _signature(function, words)

    def bind(*values: Any, **named: Any) -> Callable[[], None]:
        return functools.partial(function, *values, **named)

    bind.__signature__ = signature  # type: ignore[attr-defined]
    bind.__annotations__ = {k: v.annotation for k, v in signature.parameters.items()}

    def refuse(event: Any) -> None:
        line = _one_line(event, signature)
        if line is not None:
            raise InputError(f"{line} (see `dilo {name} --help`)")

    if "-h" in words or "--help" in words:
        # Not by tyro, which joins paragraphs into lines of any length.
        sys.stdout.write(_description(function) + "\n\n")
    with on_parse_error(refuse):
        return tyro.cli(
            bind,
            prog=f"dilo {name}",
            description="",
            args=words,
            # A nested config's field is the flag --lr, not --config.optimizer.lr.
            config=(
                tyro.conf.OmitArgPrefixes,
                tyro.conf.PositionalMetavarFromFieldName,
            ),
            registry=_REGISTRY,
        )


def flag_value(words: Sequence[str], flag: str) -> str | None:
    """Find what a flag is given, before the words are read; None if it is not."""
    found = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == flag:
            found = following
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found


def _signature(
    function: Callable[..., None], words: Sequence[str]
) -> inspect.Signature:
    """Add what the help says of each parameter, and defaults that depend on words."""
    signature = inspect.signature(function, eval_str=True)
    help_of = _help_of(function)
    parameters = []
    for parameter in signature.parameters.values():
        kind, default, markers = parameter.annotation, parameter.default, []
        if typing.get_origin(kind) is Annotated:
            kind, *markers = typing.get_args(kind)
        for marker in markers:
            if isinstance(marker, FromWords):
                default = marker.make(words)
        # A config's class explains it; a help among the markers wins.
        if not dataclasses.is_dataclass(default):
            markers.insert(0, tyro.conf.arg(help=help_of.get(parameter.name)))
        kind = Annotated[(kind, *markers)]
        parameters.append(parameter.replace(annotation=kind, default=default))
    return signature.replace(parameters=parameters)


def _help_of(documented: Any) -> dict[str, str]:
    """Give what docstrings say of the arguments of a function or fields of a class."""
    return {
        entry.arg_name: " ".join((entry.description or "").split())
        for entry in docstring_parser.parse_from_object(documented).params
    }


def _description(function: Callable[..., None]) -> str:
    """Fill the docstring up to the arguments, which tyro explains one by one."""
    text = (inspect.getdoc(function) or "").partition("\n\nArgs:")[0]
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH)
    return "\n\n".join(
        part if part.startswith("Examples:") else textwrap.fill(part, width)
        for part in text.split("\n\n")
    )


def _one_line(event: Any, signature: inspect.Signature) -> str | None:
    """Say what an error of tyro is about; None for a kind that we do not know."""
    argument: Any = getattr(event, "argument", None)
    flag = "" if argument is None else _name(argument)
    match type(event).__name__:
        case "MissingArgs":
            names = (_name(entry.arg) for entry in event.missing_arguments)
            return f"missing: {', '.join(names)}"
        case "UnrecognizedArgs":
            first = event.tokens[0]
            values = {name: each.default for name, each in signature.parameters.items()}
            flags = list(_flags(values)) if first.startswith("-") else []
            return f"unrecognized: {' '.join(event.tokens)}{did_you_mean(first, flags)}"
        case "InvalidChoice":
            choices = ", ".join(event.choices)
            return f"{flag} must be one of {choices}, got {event.value!r}"
        case "BadValue":
            return f"{flag} needs {argument.lowered.metavar or 'no value'}"
        case "InstantiationFailure":
            message = event.message.partition("\n")[0]
            return f"{flag}: {message}" if flag else message
    return None


def _name(argument: Any) -> str:
    """Name an argument as the help does: --lr, or IMAGES where it is positional."""
    name: str = argument.display_name()
    return name if name.startswith("-") else name.rpartition(".")[2].upper()


def _flags(values: dict[str, Any]) -> Iterator[str]:
    """Give the flags of parameters and their defaults, also within configs."""
    for name, value in values.items():
        if dataclasses.is_dataclass(value):
            yield from _flags(vars(value))
        else:
            yield f"--{name.replace('_', '-')}"


_REGISTRY = ConstructorRegistry()


@_REGISTRY.struct_rule
def _config(info: StructTypeInfo) -> StructConstructorSpec | None:
    """Read a config with its default as a group of flags, helped by its docstrings."""
    if not dataclasses.is_dataclass(info.default):
        return None
    kind: Any = type(info.default)
    hints = typing.get_type_hints(kind, include_extras=True)
    help_of: dict[str, str] = {}
    for each in reversed(kind.__mro__[:-1]):
        help_of |= _help_of(each)
    fields = []
    for field in dataclasses.fields(kind):
        value = getattr(info.default, field.name)
        # Of several configs, the one that is the default.
        hint = type(value) if dataclasses.is_dataclass(value) else hints[field.name]
        if field.init:
            helptext = help_of.get(field.name)
            fields.append(StructFieldSpec(field.name, hint, value, helptext))
    return StructConstructorSpec(instantiate=kind, fields=tuple(fields))


@_REGISTRY.primitive_rule
def _optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Show the default None as a word, and the value as INT, not {None}|INT."""
    options = [item for item in typing.get_args(info.type) if item is not type(None)]
    if len(options) != 1 or len(typing.get_args(info.type)) != 2:
        return None
    inner = PrimitiveTypeInfo.make(options[0], info.markers)
    spec = ConstructorRegistry.get_primitive_spec(inner)
    if not isinstance(spec, PrimitiveConstructorSpec):
        return None
    return dataclasses.replace(
        spec,
        instance_from_str=lambda words: (
            None if words in (["none"], ["None"]) else spec.instance_from_str(words)
        ),
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: (
            ["none"] if value is None else spec.str_from_instance(value)
        ),
    )


@_REGISTRY.primitive_rule
def _number(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Show a default such as 1 / 3 by four digits; say what is no number."""
    if info.type not in (int, float):
        return None
    number: type[Any] = info.type

    def read(words: list[str]) -> Any:
        try:
            return number(words[0])
        except ValueError:
            kind = "a whole number" if number is int else "a number"
            raise ValueError(f"{words[0]!r} is not {kind}") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=number.__name__.upper(),
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, (int, number)),
        str_from_instance=lambda value: [
            f"{value:d}" if number is int else f"{value:.4g}"
        ],
    )
