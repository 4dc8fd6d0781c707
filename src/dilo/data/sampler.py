"""Which images make which batch: a pure function of seed, epoch and step."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Sample = tuple[int, int]  # (epoch, index): all that a view's random stream needs


def epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Shuffle the indices 0..count-1 for one epoch: int64 (count,)."""
    # The trailing 1 keeps this stream apart from those of the views, which are
    # (seed, epoch, index).
    return np.random.default_rng((seed, epoch, 0, 1)).permutation(count)


def steps_per_epoch(count: int, batch_size: int, processes: int = 1) -> int:
    """Count the batches of an epoch, the last, smaller one included."""
    return len(_batch_bounds(count, batch_size, processes))


@dataclass(frozen=True, kw_only=True)
class BatchSampler:
    """The batches of one process from `first_step` of `first_epoch` to the end.

    A batch is a list of (epoch, index). `batch_size` counts the images of all
    processes together, so that more processes make the same batches.
    """

    count: int
    batch_size: int
    epochs: int
    seed: int
    first_epoch: int = 0
    first_step: int = 0  # within the first epoch
    process: int = 0
    processes: int = 1

    def __len__(self) -> int:
        per_epoch = steps_per_epoch(self.count, self.batch_size, self.processes)
        return (self.epochs - self.first_epoch) * per_epoch - self.first_step

    def __iter__(self) -> Iterator[list[Sample]]:
        bounds = _batch_bounds(self.count, self.batch_size, self.processes)
        skip = self.first_step
        for epoch in range(self.first_epoch, self.epochs):
            order = epoch_order(self.count, self.seed, epoch)
            for start, stop in bounds[skip:]:
                share = order[start + self.process : stop : self.processes]
                yield [(epoch, int(index)) for index in share]
            skip = 0


def _batch_bounds(count: int, batch_size: int, processes: int) -> list[tuple[int, int]]:
    """Cut an epoch into batches that every process shares evenly.

    The last batch is cut down to a multiple of the processes, and left out where a
    process would get a single image, on which batch norm has nothing to average.
    """
    bounds = []
    for start in range(0, count, batch_size):
        size = min(batch_size, count - start) // processes * processes
        if size >= 2 * processes:
            bounds.append((start, start + size))
    return bounds
