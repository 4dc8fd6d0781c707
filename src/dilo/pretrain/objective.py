"""What every objective of pretraining is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from dilo.training.task import Task

# Gives float32 (N, D): the features of all images by the present backbone, on central
# crops in evaluation mode; the same on every process, all of which must call it.
Survey = Callable[[], Tensor]


def _no_survey() -> Tensor:
    raise NotImplementedError("this training offers no survey of its images")


@dataclass(frozen=True, kw_only=True)
class ImageSetInfo:
    """What an objective knows of the images: how many, and their classes if used."""

    count: int
    labels: Tensor | None = None  # int64 (N,), index into `classes`
    classes: tuple[str, ...] = ()


class Objective(Task):
    """A task on views of images, `forward(views, index)`.

    `views` is uint8 (B, V, H, W, 3), V views of each image; `index` is int64 (B,), the
    images that they show.
    """

    views = 1  # of each image that it wants
    input = "rgb"  # what it sees of the colours, one of `dilo.models.inputs.INPUTS`
    backbone: nn.Module  # the network that is exported
    head: nn.Module  # what it has on top while it is trained
    # The loss of a network that cannot tell anything; an epoch's start may change it.
    chance_level: float
    survey: Survey  # for `start_epoch`; set by the training

    def __init__(self) -> None:
        super().__init__()
        self.step = 0
        self.survey = _no_survey

    def update(self, *outputs: Any, **_: Any) -> None:
        """Count the step."""
        self.step += 1

    def log_values(self) -> Mapping[str, float]:
        """Log what a loss is worth."""
        return {"chance_level": self.chance_level}

    def get_extra_state(self) -> Any:
        """Save the step, which what is drawn depends on."""
        return self.step

    def set_extra_state(self, state: Any) -> None:
        """Restore the step."""
        self.step = state
