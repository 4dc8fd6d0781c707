"""Everything that a training needs to go on exactly where it stopped."""

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dilo.errors import RunError
from dilo.files import partial_path, sync
from dilo.progress import notify
from dilo.torch_files import read_torch_file
from dilo.training.logger import MetricsLogger
from dilo.training.task import Task


class Checkpointer:
    """Write the checkpoint when it is due, and never of broken weights."""

    def __init__(self, logger: MetricsLogger, task: Task, optimizer: Any) -> None:
        self.logger = logger
        self.parts = {"task": task, "optimizer": optimizer, "log": logger}
        self._last = time.monotonic()

    def restore(self) -> None:
        """Restore the states that were saved, if they were.

        Raises:
            RunError: the checkpoint is damaged, or of another set of images.
        """
        path = self.logger.run.checkpoint
        if not path.exists():
            if self.logger.writes and self.logger.run.metrics:
                notify(f"{path}: no such file; the training starts again")
            return
        state = load_checkpoint(path)
        if "diary" in state:
            state = _upgrade(state)
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise RunError(
                f"{path}: does not fit this training ({error}); were images added or "
                "removed since it started? Then choose another folder"
            ) from error

    def save_if_due(self, *, now: bool = False) -> None:
        """Write the checkpoint if it is due, on the process that writes.

        Raises:
            RunError: the loss or the weights are no longer finite, or there is no room
                for the checkpoint; the last one stays.
        """
        if not self.logger.writes or not (now or self._is_due()):
            return
        self.logger.check()
        state = {name: part.state_dict() for name, part in self.parts.items()}
        # A step can break the weights although its own loss was still a number.
        for name, value in state["task"].items():
            if isinstance(value, Tensor) and not value.isfinite().all():
                raise self.logger.breakdown(f"{name} is no longer finite")
        save_checkpoint(self.logger.run.checkpoint, state)
        self._last = time.monotonic()

    def _is_due(self) -> bool:
        step, training = self.logger.step, self.logger.training
        epoch, rest = divmod(step, training.steps_per_epoch)
        if rest == 0 and epoch % training.loop.checkpoint_epochs == 0:
            return True
        minutes = (time.monotonic() - self._last) / 60
        return step == training.steps or minutes >= training.loop.checkpoint_minutes


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


def _upgrade(state: dict[str, Any]) -> dict[str, Any]:
    """Bring a checkpoint of version 0.1 into today's form."""
    log, task = state["diary"], state["objective"]
    # Objectives that draw nothing did not count their steps then.
    task.setdefault("_extra_state", log["step"])
    return {"task": task, "optimizer": state["optimizer"], "log": log}
