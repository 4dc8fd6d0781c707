"""What a training says of itself: progress, metrics.jsonl and TensorBoard."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from dilo.errors import RunError
from dilo.progress import Progress, notify
from dilo.runs import Run
from dilo.training.plan import Plan
from dilo.training.waiting import Waiting, loader_warning

# Of the remarks, what the progress bar has room for; the curves show them all.
NOTED = ("knn",)


class Diary:
    """Gather the losses of some steps, then write one line about them.

    Losses stay on their device until a line is due: reading each would make the
    processor wait for the GPU at every step.
    """

    def __init__(self, run: Run, chance: float, plan: Plan, *, writes: bool) -> None:
        """Keep the diary of `run`, whose loss is `chance` where nothing is learned.

        Of several processes all keep a diary, but only one `writes`.
        """
        self.run = run
        self.writes = writes
        self.chance = chance
        self.plan = plan
        self.step = 0
        self._rate = 0.0  # of the last step
        self._losses: list[float] = []  # of the steps since the last line
        self._pending: list[Tensor] = []  # of those of them that were not yet read
        self._images = 0
        self._seconds = 0.0  # of finished lines
        self._spent = 0.0  # on the present line by earlier sittings
        self._since = time.monotonic()
        self._done = 0
        self._note = ""
        self._remarks: dict[str, float] = {}  # for the next line
        self._said: list[str] = []  # the last remarks, for the note
        self.waiting = Waiting()
        self._waited, self._sat = 0.0, 0.0  # seconds of this sitting's finished lines
        self._warned = False

    def __enter__(self) -> Self:
        self._since = time.monotonic() - self._spent
        if self.writes:
            # What was logged after the checkpoint is computed, and logged, again.
            self.run.rewind(self.step)
            total = self.plan.epochs * self.plan.images_per_epoch
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
        return self.step / self.plan.steps_per_epoch

    @property
    def at_epoch_end(self) -> bool:
        """Tell whether the last step was the last of an epoch."""
        return self.step % self.plan.steps_per_epoch == 0

    @property
    def place(self) -> str:
        """Say where the training is."""
        return f"{self.run.folder}: after step {self.step} of {self.plan.steps}"

    def note(self, loss: Tensor, images: int, rate: float) -> None:
        """Take down one step, of so many images at a learning rate."""
        self._rate = rate
        self._pending.append(loss.detach())
        self._images += images
        self._done += images
        self.step += 1
        if self.writes:
            self._progress.advance(images, self._note)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Do something beside the training, which its speed shall not count."""
        start = time.monotonic()
        if self.writes:
            with self._progress.paused():
                yield
        else:
            yield
        self._since += time.monotonic() - start

    def remark(self, numbers: Mapping[str, float]) -> None:
        """Add numbers to the next line."""
        self._remarks |= numbers

    def write_if_due(self) -> None:
        """Write a line about the steps since the last one, if it is time for one.

        Raises:
            RunError: the loss is no longer a finite number.
        """
        last = self.step == self.plan.steps
        if self.step % self.plan.log_every == 0 or last or self._remarks:
            self._write(self.check())

    def _write(self, loss: float) -> None:
        elapsed = time.monotonic() - self._since
        self._seconds += elapsed
        waited = self.waiting.take()
        metrics = {
            "loss": loss,
            "chance": self.chance,
            "lr": self._rate,
            "images_per_second": self._images / max(elapsed, 1e-9),
            "waiting": min(waited / max(elapsed, 1e-9), 1.0),
            **self._remarks,
        }
        if self.writes:
            self.run.log(
                step=self.step,
                epoch=self.epoch,
                seconds=round(self._seconds, 3),
                **metrics,
            )
            for name, value in metrics.items():
                self._writer.add_scalar(name, value, self.step)
            self._warn(waited, elapsed)
        said = [
            f"{name} {value:.3g}"
            for name, value in self._remarks.items()
            if name in NOTED
        ]
        self._said = said or self._said
        about = [
            f"epoch {self.epoch:.1f}",
            f"loss {loss:.3f} (chance {self.chance:.3f})",
        ]
        self._note = ", ".join([*about, *self._said])
        self._remarks = {}
        self._losses, self._images = [], 0
        self._since = time.monotonic()

    def _warn(self, waited: float, elapsed: float) -> None:
        """Say once in a sitting that the loader is the limit."""
        self._waited += waited
        self._sat += elapsed
        warning = loader_warning(self._waited, self._sat, self.step)
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
        """Give what the next sitting needs to write the same lines."""
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
        self._seconds, self._spent = state["seconds"], state["spent"]
