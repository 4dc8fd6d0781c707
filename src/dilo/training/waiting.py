"""How long a training waits for its batches: whether the loader is the limit."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")

LIMIT = 0.25  # of the time; a little waiting is cheaper than more workers
# Before that, caches are cold and the first batches are still made.
ENOUGH_SECONDS, ENOUGH_STEPS = 10.0, 20


class Waiting:
    """Measure the time that goes by until the next batch is there.

    That time alone tells, on a GPU too, which computes meanwhile: where it is the
    slower one, the processor is held up within the step, and the batch lies ready.
    """

    def __init__(self) -> None:
        """Start with no time."""
        self.seconds = 0.0  # since it was last taken

    def over(self, batches: Iterable[Item]) -> Iterator[Item]:
        """Yield the batches; the first, for which workers are started, is free."""
        iterator = iter(batches)
        start = None
        while True:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            if start is not None:
                self.seconds += time.perf_counter() - start
            yield batch
            start = time.perf_counter()

    def take(self) -> float:
        """Give the seconds since they were last taken."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


def waited(metrics: Sequence[Mapping[str, Any]]) -> float:
    """Sum up the waiting, in seconds, of the lines of a metrics.jsonl.

    Lines need `seconds` (since the start) and `waiting` (share of the time since the
    line before).
    """
    total, before = 0.0, 0.0
    for line in metrics:
        total += line.get("waiting", 0.0) * (line["seconds"] - before)
        before = line["seconds"]
    return total


def loader_warning(waited: float, seconds: float, steps: int) -> str | None:
    """Say that the loader is the limit, where much of the seconds was waited away."""
    if seconds < ENOUGH_SECONDS or steps < ENOUGH_STEPS or waited < LIMIT * seconds:
        return None
    return (
        f"the loader is the limit: {waited / seconds:.0%} of the time goes by waiting "
        "for images; use more workers (--workers) where there are cores, or keep the "
        "images in memory, reduced (--cache-size)"
    )
