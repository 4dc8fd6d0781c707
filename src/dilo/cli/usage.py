"""Read the words of a command line by the signature of the command's function."""

import contextlib
import functools
import inspect
import io
import re
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from dilo.errors import InputError


def read_arguments(
    function: Callable[..., None], name: str, words: Sequence[str]
) -> Callable[[], None]:
    """Return the call of `function` that the words ask for.

    `--help` prints the help and ends the program by SystemExit, with status 0.

    Raises:
        InputError: a word is wrong or missing.
    """

    def bind(*values: Any, **named: Any) -> Callable[[], None]:
        return functools.partial(function, *values, **named)

    # What tyro reads: the name of each argument in the help, its type and default.
    signature = _signature(function)
    bind.__doc__ = function.__doc__
    bind.__signature__ = signature  # type: ignore[attr-defined]
    bind.__annotations__ = {k: v.annotation for k, v in signature.parameters.items()}
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                bind,
                prog=f"dilo {name}",
                description=_description(function),
                args=words,
                # A field of a config is the flag --lr, not --config.lr.
                config=(tyro.conf.OmitArgPrefixes,),
            )
    except SystemExit as error:
        if error.code:
            line = _one_line(complaint.getvalue())
            raise InputError(f"{line} (see `dilo {name} --help`)") from None
        raise


def _signature(function: Callable[..., None]) -> inspect.Signature:
    """Call a positional IMAGES, not PATH, and a flag's value INT, not {None}|INT."""
    signature = inspect.signature(function, eval_str=True)
    parameters = []
    for parameter in signature.parameters.values():
        kind = parameter.annotation
        options = [item for item in typing.get_args(kind) if item is not type(None)]
        name = None
        if typing.get_origin(kind) is Annotated:
            pass  # the command names it itself
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            name = parameter.name
        elif parameter.default is None and options in ([int], [float], [str], [Path]):
            name = options[0].__name__
        if name is not None:
            kind = Annotated[kind, tyro.conf.arg(metavar=name.upper())]
        parameters.append(parameter.replace(annotation=kind))
    return signature.replace(parameters=parameters)


def _description(function: Callable[..., None]) -> str:
    """Take the docstring up to the arguments, which tyro explains one by one."""
    return (inspect.getdoc(function) or "").partition("\n\nArgs:")[0]


def _one_line(complaint: str) -> str:
    """Reduce a box of tyro to what is wrong, without the help that it repeats."""
    # Drawn with blanks and hyphens where the output cannot show box characters.
    plain = re.sub("[╭╮╰╯│]", " ", complaint.replace("─", "-"))
    plain = plain.replace("{None}|", "")
    _title, *sections = re.split("-{3,}", plain)
    parts: list[str] = []
    for section in sections:
        # What is wrong comes first, indented by up to 6; then help and details.
        head = re.split(r"\n *\n", section.strip("\n "))[0].splitlines()
        text = " ".join(line.strip() for line in head if not line.startswith(" " * 8))
        if text and "helptext" not in text:
            parts.append(text)
    return "; ".join(parts) or complaint
