"""The unit of work: a part, from the names of its images to its file.

`do_part` is a plain function of picklable arguments that gives back a few numbers. It
can run in this process, in another, or on another machine that sees the same files.
"""

import errno
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dilo.errors import DiloError, ImageError, InputError
from dilo.files import write_atomic
from dilo.image import Map, encode_map, read_map, to_bytes
from dilo.masks.codec import pack
from dilo.masks.manifest import MANIFEST, Layout, MethodError, merged_errors
from dilo.masks.parts import Row, part_path, write_part

# Failures to write that only concern one name; any other (disk full, no permission)
# would meet all images and ends the job.
_NAME_ERRORS = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}


class Rating(NamedTuple):
    """What is known of a map besides its pixels."""

    confidence: float  # in [0, 1]; NaN where nobody said
    empty: bool


@dataclass(frozen=True)
class MapSource:
    """Where maps come from."""

    folder: Path  # to which names are relative
    find_map: Callable[[str], Map]  # name of an image -> its map
    rate: Callable[[str, Map], Rating]  # name and map, which may have been rounded


@dataclass(frozen=True)
class Task:
    """What is done with every image: where its map comes from and goes to."""

    source: MapSource
    folder: Path  # of the store
    layout: Layout


class PartImage(NamedTuple):
    """An image of a part, and what its map is called."""

    name: str
    map_name: str  # without suffix
    keep: bool = False  # a PNG file lying there is its map


@dataclass(frozen=True)
class Part:
    """Images whose maps are made and recorded together."""

    number: int
    images: tuple[PartImage, ...]
    late: bool = False  # images tried before; the part is written only if one succeeds
    # Images that are not tried, each with the reason.
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PartResult:
    """What became of the images of a part."""

    number: int
    images: int
    computed: int  # maps made now
    maps: int  # with those that were there
    failures: dict[str, str]  # name -> reason
    errors: dict[str, MethodError]


def check_shape(saliency: Map, shape: tuple[int, ...]) -> None:
    """Refuse a map that has not the height and width of its image.

    Raises:
        InputError: it has not.
    """
    if saliency.shape != shape:
        raise InputError(
            f"the method gave a map of shape {saliency.shape} for an image of "
            f"shape {shape}"
        )


def png_path(folder: Path, map_name: str) -> Path:
    """Say where a map is in a store of the format png."""
    return folder / f"{map_name}.png"


def do_part(task: Task, part: Part) -> PartResult:
    """Make the maps of a part one by one and write it, atomically.

    Raises:
        OSError: nothing can be written, whatever the image; the part is not there.
    """
    record = PartRecord(task, part)
    path = _note_path(task.folder, part.number)
    with path.open("wb", buffering=0) as note:  # what is written outlives a kill
        for place, image in enumerate(part.images):
            note.seek(0)
            note.write(b"%08d" % place)
            if image.name not in part.failures:
                record.add(place, partial(task.source.find_map, image.name))
    result = record.write()
    path.unlink()
    return result


def take_place(folder: Path, number: int) -> int | None:
    """Give the place of the image at which `do_part` was killed, None before all."""
    path = _note_path(folder, number)
    place = None
    with suppress(FileNotFoundError, ValueError):
        place = int(path.read_bytes())
    path.unlink(missing_ok=True)
    return place


def _note_path(folder: Path, number: int) -> Path:
    """Say where the place of a part is noted; the end of a job removes such files."""
    return folder / f".place-{number:05d}.partial"


class PartRecord:
    """What becomes of the images of a part; threads may add to it."""

    def __init__(self, task: Task, part: Part) -> None:
        """Begin a part."""
        self.task = task
        self.part = part
        self._rows: dict[int, Row] = {}  # by the place of the image
        self._made: set[int] = set()
        self._failures = dict(part.failures)
        self._errors: dict[str, dict[str, MethodError]] = {}  # by the name of the image

    def kept_map(self, place: int) -> Map | None:
        """Read the map of an image that a killed job has left, if there is one."""
        image = self.part.images[place]
        if image.keep:
            path = png_path(self.task.folder, image.map_name)
            with suppress(ImageError):  # power was lost before it reached the disk
                return read_map(path) if path.is_file() else None
        return None

    def add(
        self, place: int, find_map: Callable[[], Map], *, anew: bool = False
    ) -> None:
        """Find the map of an image and keep it; what is raised is its failure.

        Args:
            place: of the image in the part.
            find_map: gives its map.
            anew: even if a killed job has left one.

        Raises:
            OSError: nothing can be written, whatever the image.
        """
        image = self.part.images[place]
        kept = None if anew else self.kept_map(place)
        try:
            saliency = find_map() if kept is None else kept
            row, content = self._encode(image, saliency, kept is not None)
        except Exception as error:  # whatever a method may raise
            self.fail(image.name, error)
            return
        try:
            if content is not None:
                path = png_path(self.task.folder, image.map_name)
                write_atomic(path, content, durable=False)
        except OSError as error:
            if error.errno not in _NAME_ERRORS:
                raise
            self._failures[image.name] = f"no file can have this name ({error})"
            return
        self._rows[place] = row
        if kept is None:
            self._made.add(place)

    def _encode(
        self, image: PartImage, saliency: Map, kept: bool
    ) -> tuple[Row, bytes | None]:
        """Give the row of a map, and its file if it has one and is not there."""
        packed = content = None
        if self.task.layout.format == "arrow":
            packed = pack(saliency, self.task.layout)
        elif not kept:
            content = encode_map(saliency)
            # Rated as it will be read, so that one kept is rated as one made.
            saliency = to_bytes(saliency).astype(np.float32) / np.float32(255)
        rating = self.task.source.rate(image.name, saliency)
        height, width = saliency.shape
        row = Row(image.name, image.map_name, height, width, *rating, packed)
        return row, content

    def fail(self, name: str, error: Exception) -> None:
        """Note why an image has no map; of a bug of the method also the traceback."""
        reason = str(error).removeprefix(f"{self.task.source.folder / name}: ")
        kind = type(error).__name__
        if isinstance(error, DiloError | MemoryError):
            self._failures[name] = reason or kind
            return
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = "".join(traceback.format_exception(error))
        where = f"{kind} in {Path(frame.filename).name}:{frame.lineno}"
        self._errors[name] = {where: MethodError(name, text)}
        self._failures[name] = f"{kind}: {reason} (traceback in {MANIFEST})"

    def write(self) -> PartResult:
        """Write the part, atomically.

        Raises:
            OSError: it cannot be written.
        """
        part, task = self.part, self.task
        rows = [self._rows[place] for place in sorted(self._rows)]
        if rows or not part.late:
            path = part_path(task.folder, part.number)
            write_part(path, task.layout, rows, self._failures)
        return PartResult(
            number=part.number,
            images=len(part.images),
            computed=len(self._made),
            maps=len(rows),
            failures=self._failures,
            errors=merged_errors(self._errors.values()),
        )
