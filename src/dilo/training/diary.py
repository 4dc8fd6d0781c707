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
from dilo.progress import Progress
from dilo.runs import Run


class Diary:
    """Gather the losses of some steps, then write one line about them.

    Losses stay on their device until a line is due: reading each would make the
    processor wait for the GPU at every step.
    """

    def __init__(
        self, run: Run, chance: float, total: int, every: int, *, writes: bool = True
    ) -> None:
        """Keep the diary of `run`, `total` images long, with a line `every` steps.

        Of several processes all keep a diary, but only one `writes`.
        """
        self.run = run
        self.writes = writes
        self.chance = chance
        self.every = every
        self.step = 0
        self._losses: list[float] = []  # of the steps since the last line
        self._pending: list[Tensor] = []  # of those of them that were not yet read
        self._images = 0
        self._seconds = 0.0  # of finished lines
        self._since = time.monotonic()
        self._total = total
        self._done = 0
        self._note = ""
        self._remarks: dict[str, float] = {}  # for the next line
        self._said: list[str] = []  # the last remarks, for the note

    def __enter__(self) -> Self:
        self._since = time.monotonic()
        if self.writes:
            # What was logged after the checkpoint is computed, and logged, again.
            self.run.rewind(self.step)
            self._progress = Progress(
                self.run.folder.name, self._total, "images", self._done
            )
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

    def note(self, loss: Tensor, images: int) -> None:
        """Take down one step."""
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

    @property
    def is_due(self) -> bool:
        """Tell whether it is time for a line."""
        return self.step % self.every == 0 or bool(self._remarks)

    def flush(self, rate: float, epoch: float) -> None:
        """Write a line about the steps since the last one.

        Raises:
            RunError: the loss is no longer a finite number.
        """
        if not self._read():
            return
        loss = self.check(rate)
        elapsed = time.monotonic() - self._since
        self._seconds += elapsed
        metrics = {
            "loss": loss,
            "chance": self.chance,
            "lr": rate,
            "images_per_second": self._images / max(elapsed, 1e-9),
            **self._remarks,
        }
        if self.writes:
            self.run.log(
                step=self.step, epoch=epoch, seconds=round(self._seconds, 3), **metrics
            )
            for name, value in metrics.items():
                self._writer.add_scalar(name, value, self.step)
        said = [f"{name} {value:.3g}" for name, value in self._remarks.items()]
        self._said = said or self._said
        self._note = ", ".join(
            [
                f"epoch {epoch:.1f}",
                f"loss {loss:.3f} (chance {self.chance:.3f})",
                *self._said,
            ]
        )
        self._remarks = {}
        self._losses, self._images = [], 0
        self._since = time.monotonic()

    def check(self, rate: float) -> float:
        """Give the mean loss of the steps since the last line.

        Raises:
            RunError: it is no longer a finite number.
        """
        losses = self._read()
        for back, loss in enumerate(losses, start=1 - len(losses)):
            if not math.isfinite(loss):
                raise RunError(
                    f"{self.run.folder}: the loss became {loss} at step "
                    f"{self.step + back}, learning rate {rate:.3g}; start again with a "
                    "smaller lr in a new folder"
                )
        return math.fsum(losses) / max(len(losses), 1)

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
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.step, self._done = state["step"], state["done"]
        self._losses, self._images = state["losses"], state["images"]
        self._seconds = state["seconds"]
