"""Objectives whose draws depend on the step."""

from typing import Any

from torch import nn

from dilo.training.loop import Survey


class Stepped(nn.Module):
    """Count the steps of a training, in what its checkpoint saves."""

    def __init__(self) -> None:
        """Start at step 0."""
        super().__init__()
        self.step = 0

    def start_epoch(self, epoch: int, survey: Survey) -> None:
        """Prepare nothing."""

    def get_extra_state(self) -> Any:
        """Save the step."""
        return self.step

    def set_extra_state(self, state: Any) -> None:
        """Restore the step."""
        self.step = state
