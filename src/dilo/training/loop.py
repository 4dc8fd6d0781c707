"""The one training loop, readable top to bottom, ignorant of the method."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from dilo.errors import RunError
from dilo.runs import Run
from dilo.training.checkpoint import load_checkpoint, save_checkpoint
from dilo.training.diary import Diary
from dilo.training.optimizer import OptimizerConfig, learning_rate, sgd
from dilo.training.processes import mean


class Objective(Protocol):
    """What the loop needs of a method: a module that maps (views, index) to a loss."""

    chance: float  # the loss of a network that cannot tell anything

    def __call__(self, views: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Give (loss, features); remember nothing."""
        ...

    def update(self, features: Tensor, index: Tensor) -> None:
        """Remember the features of a step, after the optimizer has moved."""
        ...


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One process's share of a batch."""

    views: Tensor  # uint8 (B, H, W, 3)
    index: Tensor  # int64 (B,)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to train, and how often to say and to save something."""

    epochs: int
    steps_per_epoch: int
    images_per_epoch: int
    optimizer: OptimizerConfig
    log_every: int = 50  # steps
    checkpoint_epochs: int = 1
    checkpoint_minutes: float = 10.0

    @property
    def steps(self) -> int:
        """Count all the steps of the training."""
        return self.epochs * self.steps_per_epoch


def train(
    fabric: Fabric,
    objective: nn.Module,
    batches: Callable[[int], Iterable[Batch]],
    plan: Plan,
    run: Run,
) -> None:
    """Train `objective` from where the run stopped to the end of the plan.

    Args:
        fabric: device, precision and processes.
        objective: satisfies `Objective`; it is trained in place.
        batches: gives the batches from a step on to the end.
        plan: how long to train.
        run: where to log and to save; its checkpoint is continued.

    Raises:
        RunError: the loss is no longer a number, or the checkpoint is damaged or
            belongs to another set of images.
    """
    method = cast(Objective, objective)
    images = plan.epochs * plan.images_per_epoch
    writes = fabric.is_global_zero
    diary = Diary(run, method.chance, images, plan.log_every, writes=writes)
    # Set up before restoring, so that the momentum is read onto the device.
    model, optimizer = fabric.setup(
        objective, sgd(objective.parameters(), plan.optimizer)
    )
    parts = {"objective": objective, "optimizer": optimizer, "diary": diary}
    if run.checkpoint.exists():
        _restore(parts, run.checkpoint)
    if diary.step >= plan.steps:
        return
    keeper = _Keeper(run, parts, plan)
    with diary:
        for batch in batches(diary.step):
            rate = learning_rate(plan.optimizer, diary.step / plan.steps)
            _set_rate(optimizer, rate)
            views, index = fabric.to_device((batch.views, batch.index))
            loss, features = model(views, index)
            optimizer.zero_grad()
            fabric.backward(loss)
            optimizer.step()
            method.update(features, index)
            epoch = (diary.step + 1) / plan.steps_per_epoch
            diary.note(mean(loss.detach()), len(index) * fabric.world_size, rate, epoch)
            if diary.step == plan.steps:
                diary.flush(rate, epoch)
            if writes and keeper.is_due(diary.step):
                diary.check(rate)
                keeper.save()
    fabric.barrier()


class _Keeper:
    """Write the checkpoint when an epoch or some minutes have passed."""

    def __init__(self, run: Run, parts: dict[str, Any], plan: Plan) -> None:
        self.run = run
        self.parts = parts
        self.plan = plan
        self.last = time.monotonic()

    def is_due(self, step: int) -> bool:
        epoch, rest = divmod(step, self.plan.steps_per_epoch)
        if rest == 0 and epoch % self.plan.checkpoint_epochs == 0:
            return True
        minutes = (time.monotonic() - self.last) / 60
        return step == self.plan.steps or minutes >= self.plan.checkpoint_minutes

    def save(self) -> None:
        """Write the checkpoint.

        Raises:
            RunError: the weights are no longer finite; the last checkpoint stays.
        """
        state = {name: part.state_dict() for name, part in self.parts.items()}
        # A step can break the weights although its own loss was still a number.
        for name, value in state["objective"].items():
            if isinstance(value, Tensor) and not value.isfinite().all():
                raise RunError(
                    f"{self.run.folder}: {name} is no longer finite at step "
                    f"{state['diary']['step']}; start again with a smaller lr in a "
                    "new folder"
                )
        save_checkpoint(self.run.checkpoint, state)
        self.last = time.monotonic()


def _restore(parts: dict[str, Any], path: Path) -> None:
    state = load_checkpoint(path)
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(
            f"{path}: does not fit this training ({error}); were images added or "
            "removed since it started? Then choose another folder"
        ) from error


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
