"""The images of a pretraining by index, with their maps, from disk or from memory."""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from dilo.data.sources import ImageSource
from dilo.errors import DiloError, ImageError, InputError
from dilo.foreground import Foreground
from dilo.image import Image, Map, Pixels, read_image, resize, to_bytes
from dilo.progress import Progress

FindMap = Callable[[str], Foreground | None]
FindShape = Callable[[str], tuple[int, int] | None]
Found = TypeVar("Found")


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
        ...

    def __getitem__(self, index: int) -> Example:
        """Give one example; raise ImageError or StoreError if it cannot be read."""
        ...


@dataclass(frozen=True, kw_only=True)
class SourceSet:
    """Images read from where they come from each time they are asked for."""

    source: ImageSource
    find_map: FindMap | None = None  # gives the map of a name, None if it has none
    find_shape: FindShape | None = None  # gives that of the upright image, if known
    short_side: int | None = None  # reduce images and maps to this, in pixels

    @property
    def names(self) -> Sequence[str]:
        """The names of the source."""
        return self.source.names

    def __getitem__(self, index: int) -> Example:
        """Read one image and its map.

        Raises:
            ImageError: the image cannot be read, or its map has another shape.
        """
        return self.read(index, self.read_map(index))

    def read_map(self, index: int) -> Foreground | DiloError | None:
        """Read a map; what is wrong with it is told after what is with the image."""
        find_map = self.find_map
        return outcome(find_map, self.names[index]) if find_map else None

    def image_shape(self, index: int) -> tuple[int, int] | None:
        """Tell the height and width of an upright image, where they are known."""
        return self.find_shape(self.names[index]) if self.find_shape else None

    def read(self, index: int, found: Foreground | DiloError | None) -> Example:
        """Read one image, with the map that `read_map` gave; errors as of `self[]`."""
        name = self.names[index]
        content = self.source.read(index)
        try:
            image = read_image(content)
        except ImageError as error:
            if isinstance(content, Path):
                raise
            raise ImageError(f"{name}: {error}") from error
        return self.add_map(index, image, found)

    def add_map(
        self, index: int, image: Image, found: Foreground | DiloError | None
    ) -> Example:
        """Add to an image what `read_map` gave of its map; errors as of `self[]`."""
        if isinstance(found, DiloError):
            raise found
        saliency = found.saliency if found else None
        if saliency is not None:
            check_aspect(self.names[index], image, saliency)
        image = reduce_short_side(image, self.short_side)
        if saliency is not None and saliency.shape[0] > image.shape[0]:
            saliency = resize_map(saliency, *image.shape[:2])
        return Example(image=image, saliency=saliency)


class MemorySet:
    """Images decoded once and kept; maps as 8 bits, to fit four times as many."""

    def __init__(self, names: Sequence[str], examples: Sequence[Example]) -> None:
        """Keep `examples`, of which each belongs to the name at its place."""
        self.names = names
        self._images = [example.image for example in examples]
        self._maps = [_to_bytes(example.saliency) for example in examples]

    def __getitem__(self, index: int) -> Example:
        """Give one example from memory."""
        grey = self._maps[index]
        saliency = None if grey is None else grey * np.float32(1 / 255)
        return Example(image=self._images[index], saliency=saliency)


def read_map(examples: Examples, index: int) -> Foreground | DiloError | None:
    """Read the map of an example before its image, if maps are read by themselves."""
    return examples.read_map(index) if isinstance(examples, SourceSet) else None


def read_map_again(examples: Examples, index: int, example: Example) -> Example:
    """Give an example that was read without its map its map; errors as of `self[]`."""
    if not isinstance(examples, SourceSet):
        return example
    return examples.add_map(index, example.image, examples.read_map(index))


def read_example(
    examples: Examples, index: int, found: Foreground | DiloError | None
) -> Example | DiloError:
    """Read an example whose map `read_map` gave, or say why it cannot be read."""
    if isinstance(examples, SourceSet):
        return outcome(examples.read, index, found)
    return outcome(examples.__getitem__, index)


def expected_shape(
    examples: Examples, index: int, found: Foreground | None
) -> tuple[int, int] | None:
    """Say which shape an example will have, unless its file has changed since.

    None where nobody knows, or where its map, if it is found, will not stay as it is.
    """
    if not isinstance(examples, SourceSet):
        return None
    shape = found.shape if found else examples.image_shape(index)
    if not shape or min(shape) < 1:
        return None
    reduced = reduced_shape(*shape, examples.short_side)
    if found is None:
        return reduced
    rows, columns = found.saliency.shape
    stays = rows <= reduced[0] and _same_aspect(shape, (rows, columns))
    return reduced if stays else None


def load_into_memory(source: Examples) -> tuple[MemorySet, dict[str, str]]:
    """Decode every example once, on all cores.

    Returns:
        The set of those that could be read, and name -> reason of the others.

    Raises:
        InputError: none could be read.
    """

    def read(index: int) -> Example | DiloError:
        return outcome(source.__getitem__, index)

    names: list[str] = []
    examples: list[Example] = []
    failures: dict[str, str] = {}
    count = len(source.names)
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        Progress("reading images", count, "images") as progress,
    ):
        for name, result in zip(
            source.names, pool.map(read, range(count)), strict=True
        ):
            if isinstance(result, Example):
                names.append(name)
                examples.append(result)
            else:
                failures[name] = str(result)
            progress.advance()
    if not examples:
        raise InputError(f"none of {count} images can be read: {failures}")
    return MemorySet(names, examples), failures


def reduce_short_side(pixels: Pixels, short_side: int | None) -> Pixels:
    """Reduce to a short side, keeping the aspect; never enlarge."""
    height, width = pixels.shape[:2]
    return resize(pixels, *reduced_shape(height, width, short_side))


def reduced_shape(height: int, width: int, short_side: int | None) -> tuple[int, int]:
    """Give the height and width to which `reduce_short_side` reduces."""
    if short_side is None or min(height, width) <= short_side:
        return height, width
    scale = short_side / min(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize_map(saliency: Map, height: int, width: int) -> Map:
    """Bring a map to a size; it stays a Map."""
    if saliency.shape == (height, width):
        return saliency
    # Averaging can round to just above 1.
    return resize(saliency, height, width).clip(0, 1)


def check_aspect(name: str, image: Image, saliency: Map) -> None:
    """Check that a map can lie over its image, at whatever size.

    Raises:
        ImageError: their aspects differ by more than rounding explains.
    """
    (height, width), (rows, columns) = image.shape[:2], saliency.shape
    if not _same_aspect((height, width), (rows, columns)):
        raise ImageError(
            f"{name}: its map is {columns} x {rows}, another shape than the image's "
            f"{width} x {height}; was it computed before the image was changed?"
        )


def _same_aspect(shape: tuple[int, ...], map_shape: tuple[int, ...]) -> bool:
    (height, width), (rows, columns) = shape, map_shape
    # A map stored at a smaller size has its sides rounded to whole pixels.
    slack = 1.0 / min(rows, columns) + 0.01
    return abs(math.log(height * columns / (width * rows))) <= slack


def outcome(read: Callable[..., Found], *arguments: Any) -> Found | DiloError:
    """Give what is read, or why it cannot be."""
    try:
        return read(*arguments)
    except DiloError as error:
        return error


def _to_bytes(saliency: Map | None) -> NDArray[np.uint8] | None:
    if saliency is None:
        return None
    return to_bytes(saliency)
