"""Find the command, run it, and turn a user's error into one line."""

import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import dilo
from dilo.config import did_you_mean
from dilo.errors import DiloError, StoppedError

# name -> (module:function in this package, imported when the command is called; its
# line in `dilo --help`)
COMMANDS = {
    "demo": ("demo:demo", "see the whole method at work, on synthetic scenes"),
    "masks": ("masks:masks", "estimate the foreground map of every image of a folder"),
    "convert": ("masks:convert", "copy a mask store into another format"),
    "score": ("scoring:score", "compare maps with ground-truth masks; --plot draws"),
    "preview": ("training:preview", "draw a contact sheet of maps and composites"),
    "mine-backgrounds": (
        "mining:mine_backgrounds",
        "collect crops that show background alone",
    ),
    "pretrain": (
        "training:pretrain",
        "train a backbone without labels; --masks pastes",
    ),
    "knn": ("evaluation:knn", "classify images by their nearest neighbours"),
    "linear": ("evaluation:linear", "score a linear classifier on fixed features"),
    "backgrounds": (
        "evaluation:backgrounds",
        "score a backbone on swapped backgrounds",
    ),
    "export": (
        "evaluation:export",
        "write a backbone for torchvision, timm or detectors",
    ),
}

# Packages beside the base install, each with the extra that brings it.
_TRAIN = ("jinja2", "lightning", "safetensors", "tensorboard", "timm", "torch")
EXTRAS = {**dict.fromkeys((*_TRAIN, "torchvision"), "train"), "matplotlib": "plot"}

Command = Callable[..., None]
MakeConfig = Callable[[Sequence[str]], Any]  # of the words of the command line

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130  # what shells give for a program ended by Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `dilo` with the arguments of the command line and return the exit status."""
    words = list(map(_at_home, sys.argv[1:] if arguments is None else arguments))
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        _complain("stopped; give the same command again to continue")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except StoppedError as error:
        if str(error):  # one of several processes speaks for all
            _complain(str(error))
        return error.status
    except DiloError as error:
        _complain(f"error: {error}")
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may be no valid text
            stream.reconfigure(errors="backslashreplace")
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(_overview())
        return 0 if words else EXIT_ERROR
    if words[0] == "--version":
        sys.stdout.write(f"dilo {dilo.__version__}\n")
        return 0
    name, *rest = words
    if name not in COMMANDS:
        hint = did_you_mean(name, list(COMMANDS))
        choices = ", ".join(COMMANDS)
        _complain(f"error: no command {name!r}{hint}; there are: {choices}")
        return EXIT_ERROR
    # Here, for they take longer to import than the overview to print.
    from dilo import decoder_noise
    from dilo.cli.notes import show_notes
    from dilo.cli.usage import call

    show_notes()
    decoder_noise.catch()
    call(*_load(name), name, rest)
    return 0


def _load(name: str) -> tuple[Command, MakeConfig | None]:
    """Import the function of a command, and what makes its config, if it has one."""
    module_name, _, function = COMMANDS[name][0].partition(":")
    module = importlib.import_module(f"dilo.cli.{module_name}")
    return getattr(module, function), getattr(module, f"{function}_config", None)


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    return (
        f"usage: dilo COMMAND ...\n\n{dilo.__doc__}\n\ncommands:\n"
        + "\n".join(lines)
        + "\n\n`dilo COMMAND --help` explains a command, with examples.\n"
    )


def _complain(message: str) -> None:
    sys.stderr.write(f"dilo: {message}\n")


def _at_home(word: str) -> str:
    """Expand the ~ of `--out=~/run`, which shells leave as it is."""
    flag, is_given, value = word.partition("=~")
    return f"{flag}={os.path.expanduser('~' + value)}" if is_given else word
