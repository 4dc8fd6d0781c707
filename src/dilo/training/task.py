"""What a training minimises: a module that turns a batch into a loss."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import nn

# Tensors, or lists of them, of which each has one entry for each image of the batch.
Batch = Sequence[Any]


class Task(nn.Module):
    """A network with its loss, as the loop calls it; only `forward` must be written.

    Its state lives in parameters, buffers and the extra state, so that its state_dict
    is all that a checkpoint needs. What is random in it is a function of the seed and
    of its own step or epoch, never of a global stream.

    `forward(*batch)` gives the loss, a scalar; or (loss, *outputs), constant tensors
    with one row for each image, for `update`. It changes no state.
    """

    # `**_` lets a task name its outputs: mypy takes this for any signature.
    def update(self, *outputs: Any, **_: Any) -> None:
        """Change state after the optimizer's step, such as a memory bank.

        Args:
            outputs: of `forward`, of all micro-batches together, in the batch's order.
                Of this process alone: the task gathers what it shares.
        """

    def start_epoch(self, epoch: int) -> None:
        """Prepare for epoch 0, 1, ...; a function of state, seed and epoch alone.

        Called on every process before the first batch of the epoch, but not on resuming
        within it.
        """

    def fresh_parameters(self) -> Iterable[nn.Parameter]:
        """Give the parameters that `start_epoch` has drawn afresh: without momentum."""
        return ()

    def log_values(self) -> Mapping[str, float]:
        """Give numbers to log beside the loss, such as its chance level."""
        return {}
