"""The log of a training: progress line, metrics.jsonl and TensorBoard."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from dilo.errors import RunError
from dilo.progress import Progress, notify
from dilo.runs import Run
from dilo.training.loader import Waiting, loader_warning

if TYPE_CHECKING:
    from dilo.training.loop import Training

# Of what is measured, what the progress line has room for; the curves show it all.
IN_PROGRESS_LINE = ("knn",)


class MetricsLogger:
    """Gather the losses of some steps, then write one line about them.

    Losses stay on their device until a line is due: reading each would make the
    processor wait for the GPU at every step.
    """

    def __init__(self, run: Run, training: "Training", *, writes: bool) -> None:
        self.run = run
        self.training = training
        self.writes = writes
        self.step = 0
        self._rate = 0.0  # of the last step
        self._losses: list[float] = []  # of the steps since the last line
        self._pending: list[Tensor] = []  # of those of them that were not yet read
        self._images = 0  # since the last line
        self._done = 0  # images since the start
        self._seconds = 0.0  # of finished lines
        self._earlier = 0.0  # seconds of the present line before a resume
        self._since = time.monotonic()
        self._note: dict[str, str] = {}  # the end of the progress line
        self.waiting = Waiting()
        self._waited, self._logged = 0.0, 0.0  # seconds of lines since the resume
        self._warned = False

    def __enter__(self) -> Self:
        self._since = time.monotonic() - self._earlier
        if self.writes:
            # What was logged after the checkpoint is computed, and logged, again.
            self.run.rewind(self.step)
            total = self.training.loop.epochs * self.training.images_per_epoch
            self._progress = Progress(self.run.folder.name, total, "images", self._done)
            self._progress.__enter__()
            self._writer = SummaryWriter(
                str(self.run.folder / "tensorboard"), purge_step=self.step + 1
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.writes:
            self._writer.close()
            self._progress.__exit__(kind, error, trace)

    @property
    def epoch(self) -> float:
        """Count the epochs that are over."""
        return self.step / self.training.steps_per_epoch

    @property
    def place(self) -> str:
        """Say where the training is."""
        return f"{self.run.folder}: after step {self.step} of {self.training.steps}"

    def add(self, loss: Tensor, images: int, rate: float) -> None:
        """Count one step, of so many images at a learning rate."""
        self._rate = rate
        self._pending.append(loss.detach())
        self._images += images
        self._done += images
        self.step += 1
        if self.writes:
            self._progress.advance(images, ", ".join(self._note.values()))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do something beside the training, which its speed shall not count."""
        start = time.monotonic()
        if self.writes:
            with self._progress.paused():
                yield
        else:
            yield
        self._since += time.monotonic() - start

    def was_measured(self) -> bool:
        """Whether something was logged after the present step that is no loss."""
        lines = [line for line in self.run.metrics[-2:] if line["step"] == self.step]
        return any("loss" not in line for line in lines)

    def write_if_due(self) -> None:
        """Write a line about the steps since the last one, if it is time for one.

        Raises:
            RunError: the loss is no longer a finite number.
        """
        due = self.step % self.training.loop.log_every == 0
        if due or self.step == self.training.steps:
            self._write_losses()

    def write_measurements(self, numbers: Mapping[str, float]) -> None:
        """Write a line of numbers that were measured after an epoch, if there are any.

        Only on the process that writes.
        """
        if not numbers:
            return
        self._write(numbers)
        for name in IN_PROGRESS_LINE:
            if name in numbers:
                self._note[name] = f"{name} {numbers[name]:.3g}"

    def _write_losses(self) -> None:
        loss = self.check()
        elapsed = time.monotonic() - self._since
        self._seconds += elapsed
        waited = self.waiting.take()
        extra = self.training.task.log_values()
        if self.writes:
            self._write(
                {
                    "loss": loss,
                    **extra,
                    "lr": self._rate,
                    "images_per_second": self._images / max(elapsed, 1e-9),
                    "waiting": min(waited / max(elapsed, 1e-9), 1.0),
                }
            )
            self._warn(waited, elapsed)
        self._note["epoch"] = f"epoch {self.epoch:.1f}"
        self._note["loss"] = format_loss({"loss": loss, **extra})
        self._losses, self._images = [], 0
        self._since = time.monotonic()

    def _write(self, metrics: Mapping[str, float]) -> None:
        seconds = round(self._seconds, 3)
        self.run.log(step=self.step, epoch=self.epoch, seconds=seconds, **metrics)
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, self.step)

    def _warn(self, waited: float, elapsed: float) -> None:
        """Report once after a start or resume that the loader is the limit."""
        self._waited += waited
        self._logged += elapsed
        warning = loader_warning(self._waited, self._logged, self.step)
        if warning is not None and not self._warned:
            notify(f"{self.run.folder.name}: {warning}")
            self._warned = True

    def check(self) -> float:
        """Give the mean loss of the steps since the last line.

        Raises:
            RunError: it is no longer a finite number.
        """
        losses = self._read()
        for step, loss in enumerate(losses, start=self.step + 1 - len(losses)):
            if not math.isfinite(loss):
                raise self.breakdown(f"the loss became {loss}", step)
        return math.fsum(losses) / max(len(losses), 1)

    def breakdown(self, what: str, step: int | None = None) -> RunError:
        """Make the error that ends a training which has broken down."""
        return RunError(
            f"{self.run.folder}: {what} at step {step or self.step}, learning rate "
            f"{self._rate:.3g}; start again with a smaller lr in a new folder"
        )

    def _read(self) -> list[float]:
        """Fetch the losses from the device, all at once."""
        if self._pending:
            self._losses += torch.stack(self._pending).tolist()
            self._pending = []
        return self._losses

    def state_dict(self) -> dict[str, Any]:
        """Give what a resumed training needs to write the same lines."""
        return {
            "step": self.step,
            "done": self._done,
            "losses": self._read(),
            "images": self._images,
            "seconds": self._seconds,
            "spent": time.monotonic() - self._since,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.step, self._done = state["step"], state["done"]
        self._losses, self._images = state["losses"], state["images"]
        self._seconds, self._earlier = state["seconds"], state["spent"]


def format_loss(metrics: Mapping[str, float]) -> str:
    """Write a loss, and beside it its chance level where the task has logged one."""
    level = metrics.get("chance_level")
    chance = "" if level is None else f" (chance level {level:.3f})"
    return f"loss {metrics['loss']:.3f}{chance}"
