"""The data set of training views."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dilo.augment import ViewConfig, apply_view, draw_view, view_rng
from dilo.augment.background_sources import NO_SOURCES, BackgroundSources
from dilo.augment.parameters import draw_paste
from dilo.data.image_set import Examples, read_example
from dilo.data.sampler import Sample
from dilo.errors import DiloError

Stack = NDArray[np.uint8]  # (V, S, S, 3): the views of an image


@dataclass(frozen=True, kw_only=True)
class Views:
    """The views of a set of images: item (epoch, index) is those of one image."""

    examples: Examples
    crop_size: int
    config: ViewConfig
    seed: int
    epochs: int  # of the whole training
    sources: BackgroundSources = NO_SOURCES
    views: int = 1  # of each image

    @property
    def names(self) -> Sequence[str]:
        """The names of the images."""
        return self.examples.names

    @property
    def item_bytes(self) -> int:
        """The size of an item."""
        return 3 * self.crop_size**2 * self.views

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
        shape, sources = image.shape[:2], self.sources
        if sources.others is not None:
            sources = replace(sources, index=index)
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

    def take_failures(self) -> dict[str, str]:
        """Give path -> reason of pictures for backgrounds that were passed over."""
        return self.sources.take_failures()
