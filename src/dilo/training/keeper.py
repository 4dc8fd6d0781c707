"""Keep the checkpoint of a training: when it is due, and never of broken weights."""

import time
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dilo.errors import RunError
from dilo.training.checkpoint import load_checkpoint, save_checkpoint
from dilo.training.diary import Diary


class Keeper:
    """Write the checkpoint when an epoch or some minutes have passed."""

    def __init__(self, diary: Diary, parts: Mapping[str, Any]) -> None:
        """Keep `parts`, which have a state_dict, and the diary of the same training."""
        self.diary = diary
        self.parts = {**parts, "diary": diary}
        self._last = time.monotonic()

    def restore(self) -> None:
        """Put the parts back as they were saved, if they were.

        Raises:
            RunError: the checkpoint is damaged, or of another set of images.
        """
        path = self.diary.run.checkpoint
        if not path.exists():
            return
        state = load_checkpoint(path)
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise RunError(
                f"{path}: does not fit this training ({error}); were images added or "
                "removed since it started? Then choose another folder"
            ) from error

    def keep(self, *, at_once: bool = False) -> None:
        """Write the checkpoint if it is due, on the process that writes.

        Raises:
            RunError: the loss or the weights are no longer finite, or there is no room
                for the checkpoint; the last one stays.
        """
        if not self.diary.writes or not (at_once or self._is_due()):
            return
        self.diary.check()
        state = {name: part.state_dict() for name, part in self.parts.items()}
        # A step can break the weights although its own loss was still a number.
        for name, value in state["objective"].items():
            if isinstance(value, Tensor) and not value.isfinite().all():
                raise self.diary.breakdown(f"{name} is no longer finite")
        save_checkpoint(self.diary.run.checkpoint, state)
        self._last = time.monotonic()

    def _is_due(self) -> bool:
        step, plan = self.diary.step, self.diary.plan
        epoch, rest = divmod(step, plan.steps_per_epoch)
        if rest == 0 and epoch % plan.checkpoint_epochs == 0:
            return True
        minutes = (time.monotonic() - self._last) / 60
        return step == plan.steps or minutes >= plan.checkpoint_minutes
