"""Progress of a long job: a bar on a terminal, now and then a plain line elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import rich.console
import rich.progress

SECONDS_BETWEEN_LINES = 10.0
SECONDS_OF_SILENCE = 2.0
# After the first piece: of several workers all first ones end at about that time.
SECONDS_BEFORE_RATE = 1.0


@contextmanager
def notify_if_slow(message: str) -> Iterator[None]:
    """Say on standard error what takes so long, if it takes longer than a moment."""
    timer = threading.Timer(SECONDS_OF_SILENCE, sys.stderr.write, (message + "\n",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # no thread may be left when processes are forked


def notify(message: str) -> None:
    """Say something that a person should know now, on standard error."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


class Progress:
    """Show how far a job is, its rate and the time left, on standard error.

    Use as a context manager and call `advance` after each piece of work:

        with Progress("masks", total=len(names), unit="images") as progress:
            for name in names:
                ...
                progress.advance()
    """

    def __init__(
        self, title: str, total: int, unit: str = "items", done: int = 0
    ) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.done = self._before = done
        self._last_line = time.monotonic()
        # Until the first piece is done libraries are loaded and kernels compiled.
        self._first: tuple[float, int] | None = None  # when it was, and what was done
        self._bar = _bar(unit) if sys.stderr.isatty() else None
        self._task: rich.progress.TaskID | None = None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(
                self.title, total=self.total, completed=self.done, note="", rate=""
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self.done > self._before:
            self._line("")

    @property
    def rate(self) -> float | None:
        """Pieces a second since the first was done; None where that is too early."""
        if self._first is None or self.done == self._first[1]:
            return None
        start, before = self._first
        elapsed = time.monotonic() - start
        return (self.done - before) / elapsed if elapsed > SECONDS_BEFORE_RATE else None

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count finished pieces; `note` stands at the end of the bar or line."""
        self.done += count
        if self._first is None and count:
            self._first = time.monotonic(), self.done
        if self._bar is not None and self._task is not None:
            rate = f"{format_rate(self.rate)} {self.unit}/s" if self.rate else ""
            self._bar.update(self._task, completed=self.done, note=note, rate=rate)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._line(note)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to another job meanwhile, and do not count its time."""
        start = time.monotonic()
        if self._bar is not None:
            self._bar.stop()
        yield
        if self._bar is not None:
            self._bar.start()
        if self._first is not None:
            self._first = self._first[0] + time.monotonic() - start, self._first[1]

    def _line(self, note: str) -> None:
        self._last_line = time.monotonic()
        parts = [f"{self.title}: {self.done}/{self.total} {self.unit}"]
        rate = self.rate
        if rate is not None:
            left = format_seconds((self.total - self.done) / rate)
            parts += [f"{format_rate(rate)}/s", f"{left} left"]
        notify(", ".join([*parts, note] if note else parts))


def format_rate(rate: float) -> str:
    """Write a rate with two or more digits: 0.25, 3.1, 450."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"


def format_seconds(seconds: float) -> str:
    """Write a duration as 5 s, 3:05 min or 2:03:05 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d} h"


def _bar(unit: str) -> rich.progress.Progress:
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(),
        rich.progress.TextColumn("{task.completed}/{task.total} " + unit),
        rich.progress.TextColumn("{task.fields[rate]}"),
        rich.progress.TimeRemainingColumn(compact=True),
        rich.progress.TextColumn("{task.fields[note]}", markup=False),
        console=rich.console.Console(stderr=True),
    )
