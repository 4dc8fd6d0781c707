"""What backgrounds are made of that are more than a colour: folders, other images."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dilo.data.image_set import Example, Examples
from dilo.errors import DiloError, ImageError, InputError
from dilo.folder import scan_images
from dilo.image import Image, read_reduced, read_size

# Pictures are decoded no larger than this short side, in pixels, and the last ones
# drawn are kept: 64 of them are at most some 70 MB, however many files there are.
PICTURE_SIDE = 512
KEPT_PICTURES = 64

# Files that are tried when some cannot be read. Of other images many may have no map:
# if a fifth has one, a hundred draws all miss once in five billion times.
TRIES = 10
OTHER_TRIES = 100


class PictureFolder:
    """Pictures to cut backgrounds from: textures, or a bank of mined crops."""

    def __init__(self, folder: str | Path, remedy: str) -> None:
        """List the image files below `folder`, at any depth.

        Args:
            folder: where the pictures are.
            remedy: what to do if there are none.

        Raises:
            InputError: there is no such folder, or no image file in it, or none of
                the first ten can be read.
        """
        self.folder = Path(folder)
        self.failures: dict[str, str] = {}  # path -> reason
        try:
            self.names = scan_images(self.folder)
            self._check_readable()
        except (InputError, ImageError) as error:
            raise InputError(f"{error}; {remedy}") from error

    def draw(self, rng: np.random.Generator) -> Image:
        """Draw a picture; one that cannot be read is passed over, and remembered.

        Raises:
            ImageError: ten in a row cannot be read.
        """
        for _ in range(TRIES):
            path = str(self.folder / self.names[int(rng.integers(len(self.names)))])
            try:
                return _read_picture(path)
            except ImageError as error:
                failure = error
                self.failures[path] = str(error)
        raise ImageError(f"{TRIES} pictures in a row cannot be read, such as {failure}")

    def _check_readable(self) -> None:
        """Find out now, and not in a worker in the midst of a training."""
        for name in self.names[:TRIES]:
            try:
                read_size(self.folder / name)
                return
            except ImageError as error:
                failure = error
        raise InputError(
            f"{self.folder}: none of the first {TRIES} pictures can be read: {failure}"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class BackgroundSources:
    """What is opened once for all views of a training; None is not at hand."""

    textures: PictureFolder | None = None
    bank: PictureFolder | None = None
    others: Examples | None = None  # the images of the data set
    index: int | None = None  # among them, of the image that needs a background

    def take_failures(self) -> dict[str, str]:
        """Give path -> reason of pictures that failed since this was last called.

        A folder may hold a million pictures of which few are ever drawn: they are not
        read beforehand, but those that fail are reported by whoever drew them.
        """
        taken: dict[str, str] = {}
        for folder in (self.textures, self.bank):
            if folder is not None:
                taken |= folder.failures
                folder.failures = {}
        return taken

    def draw_other(self, rng: np.random.Generator, *, mapped: bool = False) -> Example:
        """Draw another image than `index`; one that cannot be read is passed over.

        Args:
            rng: the view's own stream.
            mapped: pass over images without a foreground map too.

        Raises:
            InputError: there are no others, or a hundred in a row cannot be used.
        """
        among = self.index is not None
        if self.others is None or len(self.others.names) <= among:
            raise InputError("this background needs the other images of the data set")
        for _ in range(OTHER_TRIES):
            other = int(rng.integers(len(self.others.names) - among))
            if self.index is not None and other >= self.index:
                other += 1
            try:
                example = self.others[other]
            except DiloError:  # reported when its own turn comes
                continue
            if example.saliency is not None or not mapped:
                return example
        lack = "has a foreground map" if mapped else "can be read"
        raise InputError(f"no other image {lack}, of {OTHER_TRIES} drawn as background")


NO_SOURCES = BackgroundSources()


@functools.lru_cache(maxsize=KEPT_PICTURES)
def _read_picture(path: str) -> Image:
    def divisor(height: int, width: int) -> int:
        return -(-min(height, width) // PICTURE_SIDE)

    picture, _ = read_reduced(path, divisor)
    return picture
