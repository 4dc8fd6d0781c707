"""Everything that a training needs to go on exactly where it stopped."""

from pathlib import Path
from typing import Any

import torch

from dilo.errors import RunError
from dilo.files import partial_path, sync
from dilo.torch_files import read_torch_file


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; a crash or a full disk leaves the previous one whole.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    partial = partial_path(path)
    try:
        # A file of Python's: one of torch's own keeps the system's reason to itself.
        with partial.open("wb") as file:
            torch.save(state, file)
            sync(file)
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        reason = error if isinstance(error, OSError) else error.__context__
        if not isinstance(reason, OSError):
            raise
        kept = "; the one before is whole" if path.exists() else ""
        raise RunError(
            f"{path}: the checkpoint cannot be written ({reason.strerror}){kept}. "
            "Make room, then the same command goes on"
        ) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; a hostile one cannot run code.

    Raises:
        RunError: the file is damaged or holds more than arrays and plain values.
    """
    state: dict[str, Any] = read_torch_file(path)
    return state
