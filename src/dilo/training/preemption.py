"""Stop when asked to, as schedulers do before they take the machine away."""

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

import torch

from dilo.errors import StoppedError
from dilo.training.processes import maximum, process_count

# SLURM, Kubernetes, torchrun and cloud machines send the first; SLURM's --signal=USR1
# the second, which also allows for the time that a checkpoint takes; Ctrl-C the third.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)

# Micro-batches after which the processes ask each other whether one of them was told to
# stop: to answer, each has to wait for its GPU.
ASK_EVERY = 8


Item = TypeVar("Item")


class _Interrupted(BaseException):
    """Ends the wait for a batch; no Exception, which would be blamed on an image."""


class Preemption:
    """Take note of the signals while a block runs, instead of ending at once."""

    def __init__(self, device: torch.device, accumulate: int = 1) -> None:
        self.device = device
        self.every = max(1, ASK_EVERY // accumulate)
        self.received: signal.Signals | None = None  # by this process
        self._waits = False
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        # Python lets no other thread handle signals; they end the program there.
        if threading.current_thread() is threading.main_thread():
            for each in SIGNALS:
                # A shell has its background jobs ignore Ctrl-C.
                if signal.getsignal(each) is not signal.SIG_IGN:
                    self._former[each] = signal.signal(each, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each, former in self._former.items():
            # None is a handler that was not set by Python, and cannot be set again.
            signal.signal(each, signal.SIG_DFL if former is None else former)

    def agreed(self, step: int) -> signal.Signals | None:
        """Give the signal that a process has received, at the same step on all."""
        if process_count() == 1:
            return self.received
        if step % self.every:
            return None
        number = maximum(self.received or 0, self.device)
        return signal.Signals(number) if number else None

    def over(self, batches: Iterable[Item]) -> Iterator[Item]:
        """Yield the batches; end at once if a signal comes while one is waited for.

        A loader may be slow, or wait for a worker that will never answer. Of several
        processes none ends alone, for the others would wait for it.
        """
        iterator = iter(batches)
        while True:
            try:
                self._waits = process_count() == 1
                if self._waits and self.received:
                    return
                batch = next(iterator)
            except (StopIteration, _Interrupted):
                return
            finally:
                self._waits = False
            yield batch

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        if self._waits:
            raise _Interrupted


def stopped(by: signal.Signals, place: str) -> StoppedError:
    """Make the error that ends a training after a signal.

    The exit status is that of a program which the signal has ended, 128 + its number:
    143, 138 or 130. After status 0 a scheduler would take the training for finished,
    start what depends on it, and not start it again.

    Args:
        by: the signal.
        place: where the training is; empty on processes that do not speak.
    """
    remedy = "the same command goes on from there"
    return StoppedError(place and f"{place}: stopped by {by.name}; {remedy}", 128 + by)
