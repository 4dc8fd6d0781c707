"""Batches of training views, made in this process or by workers."""

import atexit
import functools
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dilo.allocator import keep_memory
from dilo.augment import ViewConfig, view_rng
from dilo.augment.sources import NOTHING, Setting, Sources
from dilo.augment.views import (
    Paste,
    ViewParameters,
    apply_view,
    draw_paste,
    draw_view,
    paste_sheet,
)
from dilo.data.image_set import (
    Example,
    Examples,
    expected_shape,
    outcome,
    read_example,
    read_map,
)
from dilo.data.sampler import BatchSampler, Sample
from dilo.errors import DiloError, RunError
from dilo.foreground import Foreground
from dilo.image import Image, Map
from dilo.training.loop import Batch
from dilo.training.preemption import SIGNALS

# A forked worker shares the images that are kept in memory; one that starts afresh, as
# it would below a spawned process, gets a copy of them all. Other systems cannot fork
# safely.
START_METHOD = "fork" if sys.platform == "linux" else None


# Images whose maps are read at once: of more, they fall out of the caches themselves.
TOGETHER = 16

Stack = NDArray[np.uint8]  # (V, S, S, 3): views of one image


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An image of which no view could be made, and why."""

    name: str
    reason: str


class _Draft(NamedTuple):
    """What is drawn of the views of an image before it is read."""

    sample: Sample
    rng: np.random.Generator
    pastes: Sequence[Paste]
    # All else too, where the size of the image was known: the mask store knows it.
    shape: tuple[int, int] | None = None
    drawn: Sequence[ViewParameters] = ()

    @property
    def number(self) -> int:
        """The image's."""
        return self.sample[1]


Item = tuple[Stack, int] | Failure  # views and index


@dataclass(frozen=True, kw_only=True)
class Views(Dataset[Item]):
    """Views number (epoch, index) of a set of images."""

    examples: Examples
    crop_size: int
    config: ViewConfig
    seed: int
    epochs: int  # of the whole training
    sources: Sources = NOTHING.sources  # what backgrounds are made of
    views: int = 1  # of each image

    def __getitem__(self, sample: Sample) -> Item:
        """Make the views of an image; what fails one image does not end the job."""
        (made,) = self.__getitems__([sample])
        return made

    def __getitems__(self, samples: Sequence[Sample]) -> list[Item]:
        """Make a batch, as loaders ask for it where they can."""
        drafts = [self._draft(*sample) for sample in samples]
        return [
            item
            for start in range(0, len(drafts), TOGETHER)
            for item in self._several(drafts[start : start + TOGETHER])
        ]

    def _several(self, drafts: Sequence[_Draft]) -> list[Item]:
        """Make items whose maps are read and whose pastes are drawn before all else.

        Decoding an image sweeps the caches of the processor, so that what is done
        between two images takes two to three times as long.
        """
        prepared = []
        for draft in drafts:
            found = None
            if self._needs_map(draft):
                found = read_map(self.examples, draft.number)
            prepared.append((self._prepare(draft, found), found))
        return [self._item(*each) for each in prepared]

    def _item(self, draft: _Draft, found: Foreground | DiloError | None) -> Item:
        example = read_example(self.examples, draft.number, found)
        if isinstance(example, DiloError):
            return Failure(name=self.examples.names[draft.number], reason=str(example))
        return self._stack(example, draft)

    def _draft(self, epoch: int, index: int) -> _Draft:
        rng = view_rng(self.seed, epoch, index)
        # A single epoch has no time to raise the probability.
        progress = epoch / self.epochs if self.epochs > 1 else 1.0
        pasting = self.config.copy_paste
        pastes = [draw_paste(rng, pasting, progress) for _ in range(self.views)]
        return _Draft((epoch, index), rng, pastes)

    def _prepare(self, draft: _Draft, found: Foreground | DiloError | None) -> _Draft:
        """Draw what needs no image, and what needs only its size if that is known.

        What fails here fails again when the view is made, and is told then.
        """
        if found is None or isinstance(found, DiloError):
            return draft
        pasting, setting = self.config.copy_paste, self._setting(draft)
        pastes = []
        for paste in draft.pastes:
            if paste.wanted:
                arguments = found.saliency, self.crop_size, paste.seed, pasting, setting
                sheet = outcome(paste_sheet, *arguments)
                if not isinstance(sheet, DiloError):
                    paste = paste._replace(sheet=sheet)
            pastes.append(paste)
        draft = draft._replace(pastes=pastes)
        shape = expected_shape(self.examples, found)
        if shape is None:
            return draft
        drawn = self._draw(draft, shape, found.saliency)
        return draft._replace(shape=shape, drawn=drawn)

    def _draw(
        self, draft: _Draft, shape: tuple[int, int], saliency: Map | None
    ) -> list[ViewParameters]:
        return [
            draw_view(shape, self.config, draft.rng, saliency=saliency, paste=paste)
            for paste in draft.pastes
        ]

    def _setting(self, draft: _Draft) -> Setting:
        return Setting(index=draft.number, sources=self.sources)

    def _needs_map(self, draft: _Draft) -> bool:
        if self.config.copy_paste.min_cover > 0:
            return True  # for the crops of all views
        return any(paste.wanted for paste in draft.pastes)

    def _stack(self, example: Example, draft: _Draft) -> Item:
        """Stack the views; what their backgrounds are made of can fail them."""
        try:
            return np.stack(list(self._make(example, draft))), draft.number
        except DiloError as error:
            name = self.examples.names[draft.number]
            return Failure(name=name, reason=f"{name}: {error}")

    def _make(self, example: Example, draft: _Draft) -> Iterator[Image]:
        image, saliency = example.image, example.saliency
        shape, drawn = (image.shape[0], image.shape[1]), draft.drawn
        if draft.shape not in (None, shape):  # the file has changed since
            draft = self._draft(*draft.sample)
        if draft.shape is None:
            drawn = self._draw(draft, shape, saliency)
        setting, pasting = self._setting(draft), self.config.copy_paste
        for view in drawn:
            yield apply_view(image, saliency, self.crop_size, view, pasting, setting)


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
            self.views,
            batch_sampler=self.sampler(first_step),
            num_workers=self.workers,
            # In the worker: a tensor comes by shared memory, at a tenth of the work.
            collate_fn=functools.partial(_collate, self.views.sources),
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


def _collate(
    sources: Sources, items: Sequence[Item]
) -> tuple[Tensor, Tensor, dict[str, str]]:
    """Stack views; the first readable one stands in for those that are not.

    So every process keeps the same number of images, as gathering needs it.

    Returns:
        Views and indices, empty if nothing is readable, and name -> reason of failures.
    """
    readable = [item for item in items if not isinstance(item, Failure)]
    failed = [item for item in items if isinstance(item, Failure)]
    failures = {failure.name: failure.reason for failure in failed}
    failures |= sources.take_failures()  # pictures, for which others were drawn
    if not readable:
        return torch.empty(0), torch.empty(0), failures
    readable += readable[:1] * len(failed)
    views = torch.from_numpy(np.stack([stack for stack, _ in readable], axis=1))
    return views, torch.tensor([index for _, index in readable]), failures


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
