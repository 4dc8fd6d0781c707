"""The one training loop, readable top to bottom, ignorant of the method."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from dilo.runs import Run
from dilo.training.diary import Diary
from dilo.training.keeper import Keeper
from dilo.training.optimizer import learning_rate, make_optimizer
from dilo.training.plan import Plan
from dilo.training.preemption import Preemption, stopped
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
    # The loss of a network that cannot tell anything; an epoch's start may change it.
    chance: float

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

        Called before the first batch of the epoch, but not on resuming within it. If it
        starts parameters afresh, a method `fresh_parameters` gives them, and the loop
        drops their momentum.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One process's share of a batch."""

    views: Tensor  # uint8 (V, B, H, W, 3)
    index: Tensor  # int64 (B,)


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
        RunError: the loss is no longer a number, or the checkpoint is damaged, belongs
            to another set of images, or cannot be written.
        StoppedError: a signal asked the training to stop, and it is saved.
    """
    method = cast(Objective, objective)
    diary = Diary(run, method.chance, plan, writes=fabric.is_global_zero)
    # Set up before restoring, so that the momentum is read onto the device.
    stepper = _Stepper(fabric, objective, plan)
    keeper = Keeper(diary, {"objective": objective, "optimizer": stepper.optimizer})
    keeper.restore()
    diary.chance = method.chance
    if diary.step >= plan.steps:
        return
    with diary, Preemption(fabric.device, plan.accumulate) as preemption:
        for batch in diary.waiting.over(batches(diary.step)):
            epoch, place = divmod(diary.step, plan.steps_per_epoch)
            if place == 0:
                with diary.pause():
                    method.start_epoch(epoch, between.survey)
                    stepper.forget()
                diary.chance = method.chance
            rate = learning_rate(plan.optimizer, diary.step / plan.steps)
            loss = stepper.step(batch, rate)
            diary.note(mean(loss), len(batch.index) * fabric.world_size, rate)
            if diary.at_epoch_end and diary.writes and between.after_epoch:
                with diary.pause():
                    diary.remark(between.after_epoch(epoch + 1))
            diary.write_if_due()
            stop = preemption.agreed(diary.step)
            keeper.keep(at_once=stop is not None)
            if stop is not None and diary.step < plan.steps:
                fabric.barrier()  # until the checkpoint is there
                raise stopped(stop, diary.place if diary.writes else "")
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

    def forget(self) -> None:
        """Drop the momentum of what the objective has started afresh."""
        fresh = getattr(self.method, "fresh_parameters", tuple)
        for parameter in fresh():
            self.optimizer.optimizer.state.pop(parameter, None)

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
