"""Everything that a training needs to go on exactly where it stopped."""

import pickle
from pathlib import Path
from typing import Any

import torch

from dilo.errors import RunError
from dilo.files import partial_path

# torch.load fails in many ways on damaged files; these are all that fuzzing it gave.
_DAMAGE = (
    OSError,
    RuntimeError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    pickle.PickleError,
)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; a crash or a full disk leaves the previous one whole."""
    partial = partial_path(path)
    try:
        torch.save(state, partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; a hostile one cannot run code.

    Raises:
        RunError: the file is damaged or holds more than arrays and plain values.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise RunError(f"{path}: not a checkpoint of ours ({error})") from error
