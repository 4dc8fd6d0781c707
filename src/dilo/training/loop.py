"""The one training loop, readable top to bottom, ignorant of the task."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from lightning.fabric import Fabric
from torch import Tensor

from dilo.models.inference import undisturbed
from dilo.progress import notify
from dilo.runs import Run
from dilo.training.checkpoint import Checkpointer
from dilo.training.config import LoopConfig, OptimizerConfig
from dilo.training.logger import MetricsLogger
from dilo.training.optimizer import learning_rate, make_optimizer
from dilo.training.preemption import Preemption, stopped
from dilo.training.processes import mean
from dilo.training.task import Batch, Task

# Called on one process after an epoch, with the number of finished epochs and the task
# in evaluation mode; gives numbers to log.
Measure = Callable[[int], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Training:
    """A task, its batches, and how long it is trained on them."""

    task: Task  # trained in place
    batches: Callable[[int], Iterable[Batch]]  # from a step on to the end
    steps_per_epoch: int
    images_per_epoch: int
    loop: LoopConfig
    optimizer: OptimizerConfig
    measure: Measure | None = None

    @property
    def steps(self) -> int:
        """Count all the steps."""
        return self.loop.epochs * self.steps_per_epoch


def train(fabric: Fabric, training: Training, run: Run) -> None:
    """Train from where the run stopped to the end.

    Args:
        fabric: device, precision and processes.
        training: what is trained.
        run: where to log and to save; its checkpoint is continued.

    Raises:
        RunError: the loss is no longer a number, or the checkpoint is damaged, belongs
            to another set of images, or cannot be written.
        StoppedError: a signal asked the training to stop, and it is saved.
    """
    task, per_epoch = training.task, training.steps_per_epoch
    stepper = _Stepper(fabric, training)
    logger = MetricsLogger(run, training, writes=fabric.is_global_zero)
    checkpointer = Checkpointer(logger, task, stepper.optimizer)
    checkpointer.restore()
    left = training.batches(logger.step) if logger.step < training.steps else ()
    with logger, Preemption(fabric.device, training.loop.accumulate) as preemption:
        if not logger.was_measured():  # but killed before that
            _measure_if_due(training, logger)
        stop = None
        for batch in logger.waiting.over(preemption.over(left)):
            epoch, place = divmod(logger.step, per_epoch)
            if place == 0:
                with logger.paused():
                    task.start_epoch(epoch)
                    stepper.drop_momentum(task.fresh_parameters())
            rate = learning_rate(training.optimizer, logger.step / training.steps)
            loss = stepper.step(batch, rate)
            logger.add(mean(loss), len(batch[0]) * fabric.world_size, rate)
            logger.write_if_due()
            stop = preemption.agreed(logger.step)
            checkpointer.save_if_due(now=stop is not None)
            _measure_if_due(training, logger)
            if stop is not None:
                break
        if logger.step < training.steps and stop is None:  # while it waited
            stop = preemption.received
            checkpointer.save_if_due(now=True)
        if logger.step < training.steps and stop is not None:
            fabric.barrier()  # until the checkpoint is there
            raise stopped(stop, logger.place if logger.writes else "")
    fabric.barrier()


def _measure_if_due(training: Training, logger: MetricsLogger) -> None:
    """Measure after an epoch, on one process, without changing what is trained.

    The checkpoint of the epoch is written by then, so that nothing is lost if this is
    killed, and a failure is a warning: it is not worth a training.
    """
    epoch, rest = divmod(logger.step, training.steps_per_epoch)
    if training.measure is None or not logger.writes or not epoch or rest:
        return
    try:
        with logger.paused(), undisturbed(training.task):
            logger.write_measurements(training.measure(epoch))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        notify(f"{logger.run.folder.name}: not measured after epoch {epoch}: {reason}")


class _Stepper:
    """Take one step of the optimizer on a batch."""

    def __init__(self, fabric: Fabric, training: Training) -> None:
        self.fabric = fabric
        self.task = training.task
        self.accumulate = training.loop.accumulate
        optimizer = make_optimizer(self.task.parameters(), training.optimizer)
        self.model, self.optimizer = fabric.setup(self.task, optimizer)

    def drop_momentum(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Forget what the optimizer remembers of parameters that were drawn afresh."""
        for parameter in parameters:
            self.optimizer.optimizer.state.pop(parameter, None)

    def step(self, batch: Batch, rate: float) -> Tensor:
        """Give the mean loss of this process's images, on its device."""
        batch = self.fabric.to_device(batch)
        count = len(batch[0])
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        # Strided as the sampler deals a batch to processes: so many micro-batches hold
        # the same images as the shares of so many processes.
        pieces = max(1, min(self.accumulate, count // 2))
        parts = [slice(piece, None, pieces) for piece in range(pieces)]
        losses: list[Tensor] = []
        outputs: list[list[Tensor]] = []  # of each micro-batch
        for part in parts:
            micro_batch = batch if pieces == 1 else [each[part] for each in batch]
            with self.fabric.no_backward_sync(self.model, part is not parts[-1]):
                result = self.model(*micro_batch)
                loss, *rest = result if isinstance(result, tuple) else (result,)
                loss = loss * (len(micro_batch[0]) / count)
                self.fabric.backward(loss)
            losses.append(loss.detach())
            outputs.append(rest)
        self.optimizer.step()
        columns = zip(*outputs, strict=True)
        self.task.update(*(_in_order(column, parts) for column in columns))
        return torch.stack(losses).sum()


def _in_order(outputs: Sequence[Tensor], parts: Sequence[slice]) -> Tensor:
    """Bring the rows of micro-batches into the order of their batch."""
    if len(outputs) == 1:
        return outputs[0]
    joined = torch.empty_like(torch.cat(list(outputs)))
    for part, rows in zip(parts, outputs, strict=True):
        joined[part] = rows
    return joined
