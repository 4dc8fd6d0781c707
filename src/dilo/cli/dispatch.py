"""Find the command, run it, and turn a user's error into one line."""

import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import dilo
from dilo.config import did_you_mean
from dilo.errors import DiloError, StoppedError


class Command(NamedTuple):
    """A command: where its function is, and its line in `dilo --help`."""

    target: str  # module:function, imported when the command is called
    summary: str


COMMANDS: dict[str, Command] = {
    "demo": Command(
        "dilo.cli.demo:demo", "see the whole method at work, on synthetic scenes"
    ),
    "masks": Command(
        "dilo.cli.masks:masks", "estimate the foreground map of every image of a folder"
    ),
    "convert": Command(
        "dilo.cli.masks:convert", "copy a mask store into another format"
    ),
    "score": Command(
        "dilo.cli.scoring:score",
        "compare maps with ground-truth masks: F, E, S, MAE; --plot draws",
    ),
    "preview": Command(
        "dilo.cli.preview:preview", "draw a contact sheet of maps and composites"
    ),
    "mine-backgrounds": Command(
        "dilo.cli.mining:mine_backgrounds", "collect crops that show background alone"
    ),
    "pretrain": Command(
        "dilo.cli.training:pretrain", "train a backbone without labels; --masks pastes"
    ),
    "knn": Command(
        "dilo.cli.evaluation:knn", "classify images by their nearest neighbours"
    ),
    "linear": Command(
        "dilo.cli.evaluation:linear", "score a linear classifier on fixed features"
    ),
    "backgrounds": Command(
        "dilo.cli.evaluation:backgrounds",
        "score a backbone when objects change their backgrounds",
    ),
    "export": Command(
        "dilo.cli.export:export", "write a backbone for torchvision, timm or detectors"
    ),
}

# Packages beside the base install, each with the extra that brings it.
_TRAIN = (
    "jinja2",
    "lightning",
    "safetensors",
    "tensorboard",
    "timm",
    "torch",
    "torchvision",
)
EXTRAS = {**dict.fromkeys(_TRAIN, "train"), "matplotlib": "plot"}

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130  # what shells give for a program ended by Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `dilo` with the arguments of the command line and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may be no valid text
            stream.reconfigure(errors="backslashreplace")
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        _complain("stopped; give the same command again to continue")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except DiloError as error:
        return _report(error)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        _complain(
            f"error: this command needs {error.name}, which is not installed; "
            f"install dilo with its extra: pip install 'dilo[{extra}]'"
        )
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"error: {where}{error.strerror or error}")
    return EXIT_ERROR


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(_overview())
        return 0 if words else EXIT_ERROR
    if words[0] == "--version":
        sys.stdout.write(f"dilo {dilo.__version__}\n")
        return 0
    name, rest = _split(words)
    if name is None:
        hint = did_you_mean(words[0], list(COMMANDS))
        choices = ", ".join(COMMANDS)
        _complain(f"error: no command {words[0]!r}{hint}; there are: {choices}")
        return EXIT_ERROR
    # Here, for tyro takes longer to import than the overview to print.
    from dilo.cli.usage import read_arguments

    read_arguments(_load(COMMANDS[name].target), name, rest)()
    return 0


def _split(words: list[str]) -> tuple[str | None, list[str]]:
    """Split off the command, which may be of two words, as in `basnet train`."""
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS and len(words) >= length:
            return name, words[length:]
    return None, words


def _load(target: str) -> Callable[..., None]:
    module, _, function = target.partition(":")
    return getattr(importlib.import_module(module), function)


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [
        f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()
    ]
    return (
        f"usage: dilo COMMAND ...\n\n{dilo.__doc__}\n\ncommands:\n"
        + "\n".join(lines)
        + "\n\n`dilo COMMAND --help` explains a command, with examples.\n"
    )


def _report(error: DiloError) -> int:
    if isinstance(error, StoppedError):
        if str(error):  # one of several processes speaks for all
            _complain(str(error))
        return error.status
    _complain(f"error: {error}")
    return EXIT_ERROR


def _complain(message: str) -> None:
    sys.stderr.write(f"dilo: {message}\n")
