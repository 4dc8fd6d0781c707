"""The data set of training views, and the loader of its batches."""

import atexit
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dilo.allocator import keep_memory
from dilo.augment import ViewConfig, apply_view, draw_view, view_rng
from dilo.augment.background_sources import NO_SOURCES, BackgroundSources
from dilo.augment.parameters import draw_paste
from dilo.data.image_set import Examples, read_example
from dilo.data.sampler import BatchSampler, Sample
from dilo.errors import DiloError, RunError
from dilo.training.loop import Batch
from dilo.training.preemption import SIGNALS

# A forked worker shares the images that are kept in memory; one that starts afresh, as
# it would below a spawned process, gets a copy of them all. Other systems cannot fork
# safely.
START_METHOD = "fork" if sys.platform == "linux" else None

Stack = NDArray[np.uint8]  # (V, S, S, 3): the views of an image
Failures = dict[str, str]  # name or path -> reason


@dataclass(frozen=True, kw_only=True)
class Views(Dataset[tuple[Stack, int]]):
    """The views of a set of images: item (epoch, index) is those of one image."""

    examples: Examples
    crop_size: int
    config: ViewConfig
    seed: int
    epochs: int  # of the whole training
    sources: BackgroundSources = NO_SOURCES
    views: int = 1  # of each image

    def __getitem__(self, sample: Sample) -> tuple[Stack, int]:
        """Make the views of one image: uint8 (V, S, S, 3), and its index.

        Raises:
            DiloError: the image, its map or its background cannot be read.
        """
        epoch, index = sample
        rng = view_rng(self.seed, epoch, index)
        # A single epoch has no time to raise the probability.
        progress = epoch / self.epochs if self.epochs > 1 else 1.0
        pasting = self.config.copy_paste
        pastes = [draw_paste(rng, pasting, progress) for _ in range(self.views)]
        mapped = pasting.min_cover > 0 or any(pasted for pasted, _ in pastes)
        example = read_example(self.examples, index, mapped=mapped)
        image, saliency = example.image, example.saliency
        shape, sources = image.shape[:2], replace(self.sources, index=index)
        stack = np.empty((self.views, self.crop_size, self.crop_size, 3), np.uint8)
        try:
            for view, paste in zip(stack, pastes, strict=True):
                drawn = draw_view(
                    shape, self.config, rng, saliency=saliency, paste=paste
                )
                view[:] = apply_view(
                    image, saliency, self.crop_size, drawn, pasting, sources
                )
        except DiloError as error:
            raise DiloError(f"{self.examples.names[index]}: {error}") from error
        return stack, index

    def take_failures(self) -> Failures:
        """Give path -> reason of pictures for backgrounds that were passed over."""
        return self.sources.take_failures()


@dataclass(frozen=True)
class _Batches(Dataset[tuple[Tensor, Tensor, Failures]]):
    """The items of `views`, by the batch."""

    views: Views

    def __getitems__(
        self, samples: Sequence[Sample]
    ) -> tuple[Tensor, Tensor, Failures]:
        """Give views (V, B, S, S, 3), indices (B,), and what failed.

        The first image stands in for each that failed, so that every process keeps the
        same number of images, as gathering needs it; of none, there are no views.
        """
        stacks: list[Stack] = []
        indices: list[int] = []
        failures: Failures = {}
        for epoch, index in samples:
            try:
                stack, _ = self.views[epoch, index]
            except DiloError as error:
                failures[self.views.examples.names[index]] = str(error)
                continue
            stacks.append(stack)
            indices.append(index)
        failures |= self.views.take_failures()
        if not indices:
            return torch.empty(0), torch.empty(0), failures
        missing = len(samples) - len(indices)
        views = np.stack(stacks + stacks[:1] * missing, axis=1)
        index_of_views = torch.tensor(indices + indices[:1] * missing)
        return torch.from_numpy(views), index_of_views, failures


class ViewLoader:
    """The batches from a step to the end; remembers images and pictures that failed."""

    def __init__(
        self, views: Views, sampler: Callable[[int], BatchSampler], workers: int
    ) -> None:
        """Read `views` as `sampler(first_step)` says, in `workers` processes."""
        self.views = views
        self.sampler = sampler
        self.workers = workers
        self.failures: dict[str, str] = {}

    def __call__(self, first_step: int) -> Iterator[Batch]:
        """Yield the batches from `first_step` on.

        Raises:
            RunError: not a single image of a batch can be read.
        """
        if self.workers:
            atexit.register(_end_workers)
        loader = DataLoader(
            _Batches(self.views),
            batch_sampler=self.sampler(first_step),
            num_workers=self.workers,
            collate_fn=_as_it_is,
            # Else copying a batch to a GPU waits until this has done the last one.
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=start_worker,
            multiprocessing_context=START_METHOD if self.workers else None,
        )
        for views, index, failures in loader:
            self.failures |= failures
            if not len(index):
                raise RunError(
                    "not one image of a batch can be read: "
                    + "; ".join(failures.values())
                )
            yield Batch(views=views, index=index)


def _as_it_is(batch: Any) -> Any:
    return batch


def _end_workers() -> None:
    """End workers that are left when the process exits, as an error may leave them.

    Python itself would send them a signal that they do not heed, and wait for ever.
    """
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()


def start_worker(worker: int) -> None:
    """Keep OpenCV from starting threads in a worker, and leave signals to the training.

    A scheduler signals all processes of a job; the training goes on for a moment then,
    to save what it has, and needs its workers.
    """
    keep_memory()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
