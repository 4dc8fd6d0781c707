"""The one training loop, readable top to bottom, ignorant of the method."""

import time
from collections.abc import Callable, Iterable, Mapping
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
from dilo.training.optimizer import OptimizerConfig, learning_rate, make_optimizer
from dilo.training.processes import mean

# Gives float32 (N, D): the features of all images by the present backbone, on central
# crops in evaluation mode; the same on every process, all of which must call it.
Survey = Callable[[], Tensor]

# Called on one process with the number of finished epochs; gives numbers for the diary.
AfterEpoch = Callable[[int], Mapping[str, float]]


class Objective(Protocol):
    """What the loop needs of a method: a module that maps (views, index) to a loss.

    Its state lives in parameters, buffers and the extra state, so that its state_dict
    is all that a checkpoint needs. What is random in it is a function of the seed and
    of its own step or epoch, never of a global stream.
    """

    views: int  # of each image that it wants
    chance: float  # the loss of a network that cannot tell anything

    def __call__(self, views: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Give (loss, memo); remember nothing.

        Args:
            views: uint8 (V, B, H, W, 3).
            index: int64 (B,), which images they show.

        Returns:
            The loss, a scalar, and what is to be remembered, (B, D), constant.
        """
        ...

    def update(self, memo: Tensor, index: Tensor) -> None:
        """Remember the memo (B, D) of a step, after the optimizer has moved.

        Of all micro-batches together, in the order of the batch; an objective that
        shares its memory gathers over the processes itself.
        """
        ...

    def start_epoch(self, epoch: int, survey: Survey) -> None:
        """Prepare for epoch 0, 1, ...; a function of state, seed and epoch alone.

        Called before the first batch of the epoch, but not on resuming within it.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One process's share of a batch."""

    views: Tensor  # uint8 (V, B, H, W, 3)
    index: Tensor  # int64 (B,)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to train, and how often to say and to save something."""

    epochs: int
    steps_per_epoch: int
    images_per_epoch: int
    optimizer: OptimizerConfig
    accumulate: int = 1  # micro-batches of a process's share of a batch
    log_every: int = 50  # steps
    checkpoint_epochs: int = 1
    checkpoint_minutes: float = 10.0

    @property
    def steps(self) -> int:
        """Count all the steps of the training."""
        return self.epochs * self.steps_per_epoch


def _no_survey() -> Tensor:
    raise NotImplementedError("this training offers no survey of its images")


@dataclass(frozen=True, kw_only=True)
class Between:
    """What can be done between two epochs."""

    survey: Survey = _no_survey
    after_epoch: AfterEpoch | None = None


def train(
    fabric: Fabric,
    objective: nn.Module,
    batches: Callable[[int], Iterable[Batch]],
    plan: Plan,
    run: Run,
    between: Between = Between(),
) -> None:
    """Train `objective` from where the run stopped to the end of the plan.

    Args:
        fabric: device, precision and processes.
        objective: satisfies `Objective`; it is trained in place.
        batches: gives the batches from a step on to the end.
        plan: how long to train.
        run: where to log and to save; its checkpoint is continued.
        between: what is done between epochs.

    Raises:
        RunError: the loss is no longer a number, or the checkpoint is damaged or
            belongs to another set of images.
    """
    method = cast(Objective, objective)
    images = plan.epochs * plan.images_per_epoch
    writes = fabric.is_global_zero
    diary = Diary(run, method.chance, images, plan.log_every, writes=writes)
    # Set up before restoring, so that the momentum is read onto the device.
    stepper = _Stepper(fabric, objective, plan)
    parts = {"objective": objective, "optimizer": stepper.optimizer, "diary": diary}
    if run.checkpoint.exists():
        _restore(parts, run.checkpoint)
    if diary.step >= plan.steps:
        return
    keeper = _Keeper(run, parts, plan)
    with diary:
        for batch in batches(diary.step):
            epoch, place = divmod(diary.step, plan.steps_per_epoch)
            if place == 0:
                with diary.pause():
                    method.start_epoch(epoch, between.survey)
            rate = learning_rate(plan.optimizer, diary.step / plan.steps)
            loss = stepper.step(batch, rate)
            progress = (diary.step + 1) / plan.steps_per_epoch
            images = len(batch.index) * fabric.world_size
            diary.note(mean(loss), images)
            if place + 1 == plan.steps_per_epoch and writes and between.after_epoch:
                with diary.pause():
                    diary.remark(between.after_epoch(epoch + 1))
            if diary.is_due or diary.step == plan.steps:
                diary.flush(rate, progress)
            if writes and keeper.is_due(diary.step):
                diary.check(rate)
                keeper.save()
    fabric.barrier()


class _Stepper:
    """Take one step of the optimizer on a batch."""

    def __init__(self, fabric: Fabric, objective: nn.Module, plan: Plan) -> None:
        self.fabric = fabric
        self.method = cast(Objective, objective)
        self.accumulate = plan.accumulate
        self.model, self.optimizer = fabric.setup(
            objective, make_optimizer(objective.parameters(), plan.optimizer)
        )

    def step(self, batch: Batch, rate: float) -> Tensor:
        """Give the mean loss of this process's images, on its device."""
        views, index = self.fabric.to_device((batch.views, batch.index))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        # Strided as the sampler deals a batch to processes: so many micro-batches hold
        # the same images as the shares of so many processes.
        pieces = max(1, min(self.accumulate, len(index) // 2))
        parts = [slice(piece, None, pieces) for piece in range(pieces)]
        losses: list[Tensor] = []
        memos: list[Tensor] = []
        for part in parts:
            with self.fabric.no_backward_sync(self.model, part is not parts[-1]):
                loss, memo = self.model(views[:, part], index[part])
                loss = loss * (len(index[part]) / len(index))
                self.fabric.backward(loss)
            losses.append(loss.detach())
            memos.append(memo)
        self.optimizer.step()
        memo = memos[0]
        if pieces > 1:
            memo = torch.empty_like(torch.cat(memos))
            for part, rows in zip(parts, memos, strict=True):
                memo[part] = rows
        self.method.update(memo, index)
        return torch.stack(losses).sum()


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
