"""Batches of training views, made in this process or by workers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from dilo.augment import ViewConfig, view_rng
from dilo.augment.copy_paste import map_to_alpha
from dilo.augment.layer import needs_image
from dilo.augment.paste import Stencil, paste_view
from dilo.augment.sources import NOTHING, Setting, Sources
from dilo.augment.views import (
    Paste,
    ViewParameters,
    draw_paste,
    draw_view,
    finish_view,
    show_view,
    view_stencil,
)
from dilo.data.image_set import (
    Example,
    Examples,
    expected_shape,
    outcome,
    read_example,
    read_map,
    read_map_again,
)
from dilo.data.sampler import Sample
from dilo.errors import DiloError
from dilo.foreground import Foreground
from dilo.image import Map

# Images whose maps are read at once, and the size at which they are enough, in bytes.
TOGETHER, LARGEST = 32, 32 << 20

Stack = NDArray[np.uint8]  # (V, ..., S, S, 3): views of one image or of several


@dataclass(frozen=True, kw_only=True)
class Made:
    """Views of the images of a batch; of those that could be read."""

    views: Stack  # (V, B, S, S, 3); none if nothing could be read
    # Of the images, (B,). The first of them stands in for each that failed, so that
    # every process keeps the same number of images, as gathering needs it.
    index: list[int]
    failures: dict[str, str]  # name -> reason of the others


class _Draft(NamedTuple):
    """What is drawn of the views of an image before it is read."""

    sample: Sample
    rng: np.random.Generator
    pastes: Sequence[Paste]
    # All else too, where the size of the image was known: the mask store knows it.
    shape: tuple[int, int] | None = None
    drawn: Sequence[ViewParameters] = ()
    # Of the views that are pasted, where all that needs no image could be drawn.
    stencils: Sequence[Stencil | None] = ()

    @property
    def number(self) -> int:
        """The image's."""
        return self.sample[1]


Found = Foreground | DiloError | None
Prepared = tuple[_Draft, Found]  # once there are stencils, the map is let go


@dataclass(frozen=True, kw_only=True)
class Views(Dataset[Made]):
    """Views number (epoch, index) of a set of images, by the batch."""

    examples: Examples
    crop_size: int
    config: ViewConfig
    seed: int
    epochs: int  # of the whole training
    sources: Sources = NOTHING.sources  # what backgrounds are made of
    views: int = 1  # of each image

    @property
    def names(self) -> Sequence[str]:
        """The names of the images."""
        return self.examples.names

    def take_failures(self) -> dict[str, str]:
        """Give path -> reason of pictures that were passed over."""
        return self.sources.take_failures()

    def __getitem__(self, sample: Sample) -> tuple[NDArray[np.uint8], int]:
        """Make the views of one image."""
        made = self.batch([sample])
        if made.failures:
            raise DiloError(next(iter(made.failures.values())))
        return made.views[:, 0], sample[1]

    def batch(self, samples: Sequence[Sample]) -> Made:
        """Make a batch, as loaders ask for it; what fails one image does not end it."""
        drafts = [self._draft(*sample) for sample in samples]
        side, count = self.crop_size, len(samples)
        views = np.empty((self.views, count, side, side, 3), np.uint8)
        index: list[int] = []
        failures: dict[str, str] = {}
        for draft, found in self._prepared(drafts):
            try:
                self._write(draft, found, views[:, len(index)])
                index.append(draft.number)
            except DiloError as error:
                failures[self.examples.names[draft.number]] = str(error)
        if not index:
            return Made(views=views[:, :0], index=[], failures=failures)
        views[:, len(index) :] = views[:, :1]
        index += index[:1] * (count - len(index))
        return Made(views=views, index=index, failures=failures)

    def _prepared(self, drafts: Sequence[_Draft]) -> Iterator[Prepared]:
        """Do all that needs no pixel, of several images before any of them is decoded.

        Decoding an image sweeps the caches of the processor, so that what is done
        between two images takes two to three times as long.
        """
        some: list[_Draft] = []
        found: list[Found] = []
        size = 0
        for draft in drafts:
            some.append(draft)
            found.append(self._find(draft))
            size += _size(found[-1])
            if len(some) == TOGETHER or size > LARGEST:
                prepared = self._ahead(some, found)
                some, found, size = [], [], 0  # lets go of the maps
                yield from prepared
        yield from self._ahead(some, found)

    def _ahead(
        self, drafts: Sequence[_Draft], found: Sequence[Found]
    ) -> list[Prepared]:
        # One step after the other, of all images: the code of each stays in the caches.
        drawn = list(map(self._draw_ahead, drafts, found))
        return list(map(self._cut_ahead, drawn, found))

    def _draft(self, epoch: int, index: int) -> _Draft:
        rng = view_rng(self.seed, epoch, index)
        # A single epoch has no time to raise the probability.
        progress = epoch / self.epochs if self.epochs > 1 else 1.0
        pasting = self.config.copy_paste
        pastes = [draw_paste(rng, pasting, progress) for _ in range(self.views)]
        return _Draft((epoch, index), rng, pastes)

    def _find(self, draft: _Draft) -> Found:
        if not self._needs_map(draft):
            return None
        return read_map(self.examples, draft.number)

    def _draw_ahead(self, draft: _Draft, found: Found) -> _Draft:
        """Draw what needs only the size of an image, if its map or the store has it."""
        if isinstance(found, DiloError):
            return draft
        shape = outcome(expected_shape, self.examples, draft.number, found)
        if shape is None or isinstance(shape, DiloError):
            return draft
        drawn = self._draw(draft, shape, found.saliency if found else None)
        return draft._replace(shape=shape, drawn=drawn)

    def _cut_ahead(self, draft: _Draft, found: Found) -> Prepared:
        """Cut stencils; what fails here fails again, and is told, for its view."""
        if draft.shape is None or needs_image(self.config.copy_paste):
            return draft, found
        if not isinstance(found, Foreground):  # there is nothing to paste
            return draft, found
        stencils = outcome(self._stencils, draft, draft.shape, found.saliency)
        if isinstance(stencils, DiloError):
            return draft, found
        # The map is let go: it would take the place of others in the caches.
        return draft._replace(stencils=stencils), None

    def _stencils(
        self, draft: _Draft, shape: tuple[int, int], saliency: Map
    ) -> list[Stencil | None]:
        pasting = self.config.copy_paste
        alpha = map_to_alpha(saliency, pasting)
        setting = Setting(alpha=alpha, index=draft.number, sources=self.sources)
        return [
            view_stencil(shape, self.crop_size, view, pasting, setting)
            for view in draft.drawn
        ]

    def _draw(
        self, draft: _Draft, shape: tuple[int, int], saliency: Map | None
    ) -> list[ViewParameters]:
        return [
            draw_view(shape, self.config, draft.rng, saliency=saliency, paste=paste)
            for paste in draft.pastes
        ]

    def _needs_map(self, draft: _Draft) -> bool:
        if self.config.copy_paste.min_cover > 0:
            return True  # for the crops of all views
        return any(paste.wanted for paste in draft.pastes)

    def _write(self, draft: _Draft, found: Found, stack: Stack) -> None:
        """Make the views of an image; what backgrounds are made of can fail them."""
        example = read_example(self.examples, draft.number, found)
        if isinstance(example, DiloError):
            raise example
        if draft.shape not in (None, example.image.shape[:2]):
            # The file has changed since its map was made.
            if draft.stencils:  # the map has been let go
                example = read_map_again(self.examples, draft.number, example)
            draft = self._draft(*draft.sample)
        try:
            self._make(example, draft, stack)
        except DiloError as error:
            name = self.examples.names[draft.number]
            raise DiloError(f"{name}: {error}") from error

    def _make(self, example: Example, draft: _Draft, stack: Stack) -> None:
        image, saliency = example.image, example.saliency
        drawn, side, pasting = draft.drawn, self.crop_size, self.config.copy_paste
        if draft.shape is None:
            shape = image.shape[0], image.shape[1]
            drawn = self._draw(draft, shape, saliency)
        setting = Setting(index=draft.number, sources=self.sources)
        stencils = draft.stencils or [None] * len(drawn)
        for view, stencil, out in zip(drawn, stencils, stack, strict=True):
            if stencil is not None:
                shown = paste_view(image, view.box, stencil, flip=view.flip)
            else:
                shown = show_view(image, saliency, side, view, pasting, setting)
            finish_view(shown, view, out)


def _size(found: Found) -> int:
    return found.saliency.nbytes if isinstance(found, Foreground) else 0
