"""The unit of work: a part, from the names of its images to its file.

`do_part` is a plain function of picklable arguments that gives back a few numbers. It
can run in this process, in another, or on another machine that sees the same files.
"""

import errno
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from dilo.errors import DiloError, ImageError, InputError
from dilo.files import write_atomic
from dilo.foreground import is_empty
from dilo.image import Map, encode_image, encode_map, read_map, read_size, to_bytes
from dilo.masks.codec import pack
from dilo.masks.manifest import Layout
from dilo.masks.naming import stem
from dilo.masks.parts import Row, part_path, write_part
from dilo.progress import notify_if_slow

# What an estimate may raise on an odd image; anything else is a bug and ends the job.
_IMAGE_ERRORS = (DiloError, ValueError, ArithmeticError, MemoryError)

# Failures to write that only concern one name; any other (disk full, no permission)
# would meet all images and ends the job.
_NAME_ERRORS = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}


class Judgement(NamedTuple):
    """What is known of a map besides its pixels."""

    confidence: float  # in [0, 1]; NaN where nobody said
    empty: bool


class Source(Protocol):
    """Where maps come from."""

    @property
    def folder(self) -> Path:
        """The folder to which the names are relative."""
        ...

    def warm(self) -> None:
        """Do, before processes are forked, what each of them would have to do."""
        ...

    def map(self, name: str) -> Map:
        """Give the map of an image; raise a DiloError if there is none."""
        ...

    def judge(self, name: str, saliency: Map) -> Judgement:
        """Judge a map, which may have been rounded."""
        ...


@dataclass(frozen=True)
class FromImages:
    """Maps estimated from image files."""

    folder: Path
    estimate: Callable[[Path], Map]
    confidence: Callable[[Map], float] | None = None

    def warm(self) -> None:
        """Compile the kernels, or load them from the cache."""
        with notify_if_slow(
            "compiling for this processor: half a minute, and only once ..."
        ):
            self._estimate_noise()

    def _estimate_noise(self) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "noise.png"
            path.write_bytes(encode_image(noise))
            with suppress(*_IMAGE_ERRORS):  # too small for it: it warms up later
                saliency = self.estimate(path)
                if self.confidence is not None:
                    self.confidence(saliency)

    def map(self, name: str) -> Map:
        """Estimate the map of an image."""
        saliency = self.estimate(self.folder / name)
        shape = read_size(self.folder / name)
        if saliency.shape != shape:
            raise InputError(
                f"the method gave a map of shape {saliency.shape} for an image of "
                f"shape {shape}"
            )
        return saliency

    def judge(self, name: str, saliency: Map) -> Judgement:
        """Judge a map by its values alone."""
        confidence = float("nan")
        if self.confidence is not None:
            confidence = float(self.confidence(saliency))
        return Judgement(confidence, is_empty(saliency, confidence))


@dataclass(frozen=True)
class Task:
    """What is done with every image: where its map comes from and goes to."""

    source: Source
    folder: Path  # of the store
    layout: Layout


@dataclass(frozen=True)
class Part:
    """Images whose maps are made and recorded together."""

    number: int
    names: tuple[str, ...]
    take: bool = False  # PNG files lying there are maps of these images: keep them
    late: bool = False  # images tried before; the part is written only if one succeeds
    known: Mapping[str, str] = field(default_factory=dict)  # images not to be tried


@dataclass(frozen=True)
class PartResult:
    """What became of the images of a part."""

    number: int
    images: int
    computed: int  # maps made now
    maps: int  # with those that were there
    empty: int
    failures: dict[str, str]  # name -> reason


def png_path(folder: Path, name: str) -> Path:
    """Say where the map of an image is in a store of the format png."""
    return folder / f"{stem(name)}.png"


def do_part(
    task: Task, part: Part, tick: Callable[[int], None] | None = None
) -> PartResult:
    """Make the maps of a part and write it, atomically.

    Args:
        task: what is done.
        part: with which images.
        tick: told, before each image, how many of the part are done.

    Raises:
        OSError: nothing can be written, whatever the image; the part is not there.
    """
    rows: list[Row] = []
    failures = dict(part.known)
    computed = 0
    for place, name in enumerate(part.names):
        if tick is not None:
            tick(place)
        if name in part.known:
            continue
        try:
            row, made = _do_image(task, name, take=part.take)
            rows.append(row)
            computed += made
        except _IMAGE_ERRORS as error:
            reason = str(error).removeprefix(f"{task.source.folder / name}: ")
            failures[name] = reason or type(error).__name__
        except OSError as error:
            if error.errno not in _NAME_ERRORS:
                raise
            failures[name] = f"no file can have this name ({error})"
    if rows or not part.late:
        write_part(part_path(task.folder, part.number), rows, failures, task.layout)
    empty = sum(row.empty for row in rows)
    return PartResult(
        part.number, len(part.names), computed, len(rows), empty, failures
    )


def _do_image(task: Task, name: str, *, take: bool) -> tuple[Row, bool]:
    """Give the row of an image, and whether its map had to be made."""
    saliency, blob, made = None, None, True
    if task.layout.format == "arrow":
        saliency = task.source.map(name)
        blob = pack(saliency, task.layout)
    else:
        path = png_path(task.folder, name)
        if take and path.is_file():
            with suppress(ImageError):  # power was lost before it reached the disk
                saliency, made = read_map(path), False
        if saliency is None:
            saliency = task.source.map(name)
            write_atomic(path, encode_map(saliency), durable=False)
            # Judged as it will be read, so that one kept is judged as one made.
            saliency = to_bytes(saliency).astype(np.float32) / np.float32(255)
    judgement = task.source.judge(name, saliency)
    height, width = saliency.shape
    row = Row(name, height, width, judgement.confidence, judgement.empty, blob)
    return row, made
