"""Parts of a job, done by workers of which some may be killed."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from dilo.errors import StoreError
from dilo.masks.work import Part, PartResult, Task, do_part, take_place

KILLED = "its process was killed; is the memory too small?"
PATIENCE = 3  # losses at a part for which no image is to blame

Results = Generator[PartResult, None, None]


# A part that was in work, and its result: None if its worker was killed.
Outcome = tuple[Part, PartResult | None]


class Workers(Protocol):
    """Processes on this machine or on others that do parts."""

    retries_at_once: int  # parts that are done again at a time

    def __len__(self) -> int:
        """Count the parts in work."""

    def free(self) -> int:
        """Count the parts that may be submitted now."""

    def submit(self, part: Part, *, again: bool = False) -> None:
        """Put a part in work; `again` after its worker was killed."""

    def finished(self) -> Iterator[Outcome]:
        """Wait for parts that are finished; raise whatever ended the work."""

    def close(self) -> None:
        """End what is in work."""


def run_serial(task: Task, parts: Iterable[Part]) -> Results:
    """Do the parts in this process."""
    for part in parts:
        yield do_part(task, part)


def run_workers(folder: Path, parts: Iterable[Part], workers: Workers) -> Results:
    """Let workers do the parts; results come in no fixed order.

    A part whose worker was killed is done again after all others. If that happens
    twice, the image that was in work is a named failure.

    Raises:
        StoreError: workers are killed time and again while they work on no image.
    """
    waiting = iter(parts)
    losses: defaultdict[int, _Losses] = defaultdict(_Losses)
    lost: list[Part] = []
    with closing(workers):
        while True:
            for part in islice(waiting, max(0, workers.free())):
                workers.submit(part)
            if len(workers) == 0:
                if not lost:
                    return
                for part in lost[: workers.retries_at_once]:
                    workers.submit(part, again=True)
                del lost[: workers.retries_at_once]
            for part, result in workers.finished():
                if result is None:
                    lost.append(losses[part.number].without_blamed(part, folder))
                else:
                    yield losses[part.number].corrected(result)


@dataclass
class _Losses:
    """What is known of the workers that were killed at a part."""

    times: int = 0
    reached: int = 0  # images done before one of them

    def without_blamed(self, part: Part, folder: Path) -> Part:
        """Give the part to do again, from the second time on without who is to blame.

        Raises:
            StoreError: no image is to blame.
        """
        self.times += 1
        place = take_place(folder, part.number)
        self.reached = max(self.reached, place or 0)
        blamed = None
        if place is not None and self.times > 1:
            blamed = part.images[place].name
        if blamed in part.failures or self.times - len(part.failures) > PATIENCE:
            raise StoreError(
                f"{folder}: worker processes are killed time and again; what was "
                f"computed is kept: run again to go on"
            )
        if blamed is None:
            return part
        return replace(part, failures={**part.failures, blamed: KILLED})

    def corrected(self, result: PartResult) -> PartResult:
        """Count the PNG files that were made before a loss, and then kept, as made."""
        computed = min(result.maps, result.computed + self.reached)
        return replace(result, computed=computed)
