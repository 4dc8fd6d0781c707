"""Read the words of a command line by the signature of the command's function."""

import contextlib
import dataclasses
import functools
import inspect
import re
import shutil
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

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

from dilo.cli.output import console
from dilo.config import did_you_mean
from dilo.errors import InputError

try:  # private, and the only way to an error of one line
    from tyro._errors import on_parse_error
except ImportError:  # a tyro that draws a box, and ends with the same status
    on_parse_error = contextlib.nullcontext  # type: ignore[assignment]

MAX_WIDTH = 100  # of a description: longer lines are hard to read

# Of a parameter that is a config: its fields are flags, without its name before them.
Unnamed = tyro.conf.arg(name="")

_RULES = ConstructorRegistry()
_MARKERS = (
    tyro.conf.AvoidSubcommands,  # of several configs, the one that is the default
    tyro.conf.DisallowNone,
    tyro.conf.OmitArgPrefixes,  # --lr, not --config.optimizer.lr
    tyro.conf.PositionalMetavarFromFieldName,
)


def call(
    command: Callable[..., None],
    make_config: Callable[[Sequence[str]], Any] | None,
    name: str,
    words: Sequence[str],
) -> None:
    """Call a command as the words ask for.

    `--help` prints the help and ends the program by SystemExit, with status 0.

    Args:
        command: its parameters are the arguments, its docstring is the help.
        make_config: makes of the words the default of its parameter `config`.
        name: of the command.
        words: what the command line holds after it.

    Raises:
        InputError: a word is wrong or missing, or the command raises it.
    """
    defaults = {"config": make_config(words)} if make_config else {}
    # Tyro breaks the help of an argument where its docstring does: there is to be one.
    command.__doc__ = re.sub(r"\n {8,}", " ", inspect.getdoc(command) or "")
    if "-h" in words or "--help" in words:
        _describe(command.__doc__)

    def refuse(event: Any) -> None:
        values = {
            k: v.default for k, v in inspect.signature(command).parameters.items()
        }
        message = _one_line(event, list(_flags(values | defaults)))
        if message is not None:
            raise InputError(f"{message} (see `dilo {name} --help`)")

    with on_parse_error(refuse):
        tyro.cli(
            functools.partial(command, **defaults),
            prog=f"dilo {name}",
            description="",  # it would not wrap its lines
            args=words,
            config=_MARKERS,
            registry=_RULES,
        )


def _describe(docstring: str) -> None:
    """Print a docstring up to its arguments, which tyro explains one by one."""
    text = docstring.partition("\n\nArgs:")[0]
    paragraphs = re.sub(r"(?<!\n)\n(?![\n ])", " ", text)
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH)
    console.print(f"{paragraphs}\n", markup=False, width=width)


def _one_line(event: Any, flags: Sequence[str]) -> str | None:
    """Say what an error of tyro is about; None for a kind that we do not know."""
    argument: Any = getattr(event, "argument", None)
    name = _name(argument) if argument else ""
    match type(event).__name__:
        case "MissingArgs":
            names = [_name(missing.arg) for missing in event.missing_arguments]
            return f"missing: {', '.join(names)}"
        case "UnrecognizedArgs":
            hint = did_you_mean(event.tokens[0], flags)
            return f"unrecognized: {' '.join(event.tokens)}{hint}"
        case "InvalidChoice":
            choices = ", ".join(event.choices)
            return f"{name} must be one of {choices}, got {event.value!r}"
        case "InstantiationFailure" if not name:  # a config refuses its values
            return event.message.partition("\n")[0]
    return f"{name} needs {argument.lowered.metavar or 'no value'}" if name else None


def _name(argument: Any) -> str:
    """Name an argument as the help does: --lr, or IMAGES where it is positional."""
    name = argument.display_name()
    return name if name.startswith("-") else name.rpartition(".")[2].upper()


def _flags(values: Mapping[str, Any]) -> Iterator[str]:
    """Give the flags of parameters and their defaults, also within configs."""
    for name, value in values.items():
        if dataclasses.is_dataclass(value):
            yield from _flags(vars(value))
        else:
            yield f"--{name.replace('_', '-')}"


@_RULES.struct_rule
def _config(info: StructTypeInfo) -> StructConstructorSpec | None:
    """Read a config as tyro does, but with no line breaks in the help of a field."""
    if not dataclasses.is_dataclass(info.default):
        return None
    kind: Any = type(info.default)
    hints = typing.get_type_hints(kind, include_extras=True)
    help_of = {
        entry.arg_name: " ".join((entry.description or "").split())
        for each in reversed(kind.__mro__[:-1])
        for entry in docstring_parser.parse_from_object(each).params
    }
    fields = [
        StructFieldSpec(name, hints[name], value, help_of.get(name))
        for name, value in vars(info.default).items()
        if kind.__dataclass_fields__[name].init
    ]
    return StructConstructorSpec(instantiate=kind, fields=tuple(fields))


@_RULES.primitive_rule
def _readable(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Show a default such as 1 / 3 by four digits, and None as a word."""
    if info.type is float:
        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="FLOAT",
            instance_from_str=lambda words: float(words[0]),
            is_instance=lambda value: isinstance(value, (int, float)),
            str_from_instance=lambda value: [f"{value:.4g}"],
        )
    if info.type is type(None):
        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="none",
            instance_from_str=lambda _: None,
            is_instance=lambda value: value is None,
            str_from_instance=lambda _: ["none"],
            choices=("none",),
        )
    return None
