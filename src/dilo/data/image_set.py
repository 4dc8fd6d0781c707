"""The images of a pretraining by index, with their maps, from disk or from memory."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dilo.cores import available_cores, in_threads
from dilo.data.sources import ImageSource
from dilo.errors import DiloError, ImageError, InputError
from dilo.image import (
    Image,
    Map,
    Pixels,
    read_image,
    resize,
    same_aspect,
    to_bytes,
)
from dilo.progress import Progress

FindMap = Callable[[str], Map | None]


@dataclass(frozen=True, kw_only=True)
class Example:
    """An image with what is known of its foreground."""

    image: Image
    # Of the image's aspect, and no larger; None: there is no map, or nothing in it.
    saliency: Map | None


class Examples(Protocol):
    """What pretraining needs of a set of images."""

    @property
    def names(self) -> Sequence[str]:
        """The files, relative to their folder."""

    def __getitem__(self, index: int) -> Example:
        """Give one example; raise ImageError or StoreError if it cannot be read."""


@dataclass(frozen=True, kw_only=True)
class SourceSet:
    """Images read from where they come from each time they are asked for."""

    source: ImageSource
    find_map: FindMap | None = None  # gives the map of a name, None if it has none
    square: bool = False  # whether maps are squares of images of any aspect
    short_side: int | None = None  # reduce images and maps to this, in pixels

    @property
    def names(self) -> Sequence[str]:
        """The names of the source."""
        return self.source.names

    def __getitem__(self, index: int) -> Example:
        """Read one image and its map; errors as of `read`."""
        return self.read(index)

    def read(self, index: int, *, mapped: bool = True) -> Example:
        """Read one image, and its map if `mapped`.

        Raises:
            ImageError: the image cannot be read, or its map has another shape.
            StoreError: its map is damaged.
        """
        name = self.names[index]
        content = self.source.read(index)
        try:
            image = read_image(content)
        except ImageError as error:
            if isinstance(content, Path):
                raise
            raise ImageError(f"{name}: {error}") from error
        saliency = self.find_map(name) if self.find_map and mapped else None
        if saliency is not None:
            saliency = fit_aspect(name, image, saliency, square=self.square)
        image = reduce_short_side(image, self.short_side)
        if saliency is not None and saliency.shape[0] > image.shape[0]:
            saliency = resize_map(saliency, *image.shape[:2])
        return Example(image=image, saliency=saliency)


class MemorySet:
    """Images decoded once and kept; maps as 8 bits, to fit four times as many."""

    def __init__(self, names: Sequence[str], examples: Sequence[Example]) -> None:
        self.names = names
        self._images = [example.image for example in examples]
        maps = (example.saliency for example in examples)
        self._maps = [None if each is None else to_bytes(each) for each in maps]

    def __getitem__(self, index: int) -> Example:
        """Give one example from memory."""
        grey = self._maps[index]
        saliency = None if grey is None else grey * np.float32(1 / 255)
        return Example(image=self._images[index], saliency=saliency)


def read_example(examples: Examples, index: int, *, mapped: bool = True) -> Example:
    """Read an example, without its map where that is not needed; errors as of `[]`."""
    if isinstance(examples, SourceSet):
        return examples.read(index, mapped=mapped)
    return examples[index]


def load_into_memory(source: Examples) -> tuple[MemorySet, dict[str, str]]:
    """Decode every example once, on the cores that are this process's share.

    Returns:
        The set of those that could be read, and name -> reason of the others.

    Raises:
        InputError: none could be read.
    """
    examples: dict[str, Example] = {}
    failures: dict[str, str] = {}
    count = len(source.names)
    processes = os.environ.get("LOCAL_WORLD_SIZE", "")  # of this machine, by torchrun
    share = available_cores() // (int(processes) if processes.isdigit() else 1)
    results = in_threads(source.__getitem__, range(count), max(1, share))
    with Progress("reading images", count, "images") as progress:
        for name, (_, result) in zip(source.names, results, strict=True):
            if isinstance(result, DiloError):
                failures[name] = str(result)
            else:
                examples[name] = result
            progress.advance()
    if not examples:
        raise InputError(f"none of {count} images can be read: {failures}")
    return MemorySet(tuple(examples), tuple(examples.values())), failures


def reduce_short_side(pixels: Pixels, short_side: int | None) -> Pixels:
    """Reduce to a short side, keeping the aspect; never enlarge."""
    height, width = pixels.shape[:2]
    if short_side is None or min(height, width) <= short_side:
        return pixels
    scale = short_side / min(height, width)
    return resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)))


def resize_map(saliency: Map, height: int, width: int) -> Map:
    """Bring a map to a size; it stays a Map."""
    if saliency.shape == (height, width):
        return saliency
    # Averaging can round to just above 1.
    return resize(saliency, height, width).clip(0, 1)


def fit_aspect(name: str, image: Image, saliency: Map, *, square: bool = False) -> Map:
    """Check that a map can lie over its image, at whatever size.

    Args:
        name: of the image.
        image: uint8 (H, W, 3).
        saliency: its map, float32 (H', W').
        square: whether it may be a square of an image of any aspect, as networks write
            them; it is scaled then.

    Raises:
        ImageError: their aspects differ by more than rounding explains.
    """
    (height, width), (rows, columns) = image.shape[:2], saliency.shape
    if same_aspect((height, width), saliency.shape):
        return saliency
    if not square:
        raise ImageError(
            f"{name}: its map is {columns} x {rows}, another shape than the image's "
            f"{width} x {height}; was it computed before the image was changed?"
        )
    scale = rows / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return resize_map(saliency, *size)
