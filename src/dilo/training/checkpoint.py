"""Everything that a training needs to go on exactly where it stopped."""

import pickle
from pathlib import Path
from typing import Any

import torch

from dilo.errors import RunError
from dilo.files import partial_path


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
    except (OSError, RuntimeError, ValueError, EOFError, pickle.PickleError) as error:
        raise RunError(f"{path}: not a checkpoint of ours ({error})") from error
