"""The unit of work: a part, from the names of its images to its file.

`do_part` is a plain function of picklable arguments that gives back a few numbers. It
can run in this process, in another, or on another machine that sees the same files.
"""

import errno
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dilo.errors import DiloError, ImageError, InputError, StoreError
from dilo.files import write_atomic
from dilo.image import Map, encode_map, read_map, to_bytes
from dilo.masks.manifest import MANIFEST, Layout, MethodError, first_errors
from dilo.masks.parts import Row, pack, part_path, png_path, write_part

KILLED = "its process was killed; is the memory too small?"
PATIENCE = 3  # losses at a part for which no image is to blame

# Failures to write that only concern one name; any other (disk full, no permission)
# would meet all images and ends the job.
_NAME_ERRORS = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}


@dataclass(frozen=True)
class Task:
    """What is done with every image: where its map comes from and goes to."""

    images: Path  # the folder to which names are relative
    find_map: Callable[[str], Map]  # name of an image -> its map
    # Name and map, which may have been rounded -> confidence (NaN where nobody said),
    # and whether it is empty.
    rate: Callable[[str, Map], tuple[float, bool]]
    folder: Path  # of the store
    layout: Layout
    photographs: bool = False  # whether maps of images that were replaced are made anew


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
    losses: int = 0  # workers that were killed at it
    # Images that are not tried, each with the reason.
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PartResult:
    """What became of the images of a part."""

    images: int
    computed: int  # maps made now
    failures: dict[str, str]  # name -> reason
    errors: dict[str, MethodError]


Results = Generator[PartResult, None, None]
# Does the parts of a job: here, in processes, or on other machines.
Engine = Callable[[Task, Iterable[Part]], Results]


def checked(saliency: Map, shape: tuple[int, ...]) -> Map:
    """Return a map if it has the height and width of its image."""
    if saliency.shape != shape:
        raise InputError(
            f"the method gave a map of shape {saliency.shape} for an image of shape "
            f"{shape}"
        )
    return saliency


def do_part(task: Task, part: Part) -> PartResult:
    """Make the maps of a part one by one and write it, whole or not at all."""
    record = PartRecord(task, part)
    note = _note_path(task.folder, part.number)
    for place, image in enumerate(part.images):
        if image.name in part.failures:
            continue
        if part.losses:
            note.write_text(str(place))
        record.add(place)
    note.unlink(missing_ok=True)
    return record.write()


def after_loss(folder: Path, part: Part) -> Part:
    """Give the part to do again after a worker was killed at it.

    From the second time on the image at which that happened is a failure.

    Raises:
        StoreError: workers are killed time and again while they work on no image.
    """
    note = _note_path(folder, part.number)
    failures = dict(part.failures)
    with suppress(FileNotFoundError, ValueError):
        failures[part.images[int(note.read_text())].name] = KILLED
    note.unlink(missing_ok=True)
    losses = part.losses + 1
    if losses - len(failures) > PATIENCE:
        raise StoreError(
            f"{folder}: worker processes are killed time and again; what was "
            f"computed is kept: run again to go on"
        )
    return replace(part, losses=losses, failures=failures)


def _note_path(folder: Path, number: int) -> Path:
    """Say where a part that is done again notes at which image it is."""
    return folder / f".place-{number:05d}.partial"


class PartRecord:
    """What becomes of the images of a part; threads may add to it."""

    def __init__(self, task: Task, part: Part) -> None:
        self.task = task
        self.part = part
        self._rows: dict[int, Row] = {}  # by the place of the image
        self._made: set[int] = set()
        self._failures = dict(part.failures)
        self._errors: list[tuple[str, MethodError]] = []

    def kept_map(self, place: int) -> Map | None:
        """Read the map of an image that a killed job has left, if there is one."""
        image = self.part.images[place]
        path = png_path(self.task.folder, image.map_name)
        if image.keep and path.is_file():
            with suppress(ImageError):  # power was lost before it reached the disk
                return read_map(path)
        return None

    def add(
        self, place: int, saliency: Map | None = None, *, kept: bool = False
    ) -> None:
        """Keep the map of an image; if it is none, fail.

        Without a map, which may be `kept_map`, that is taken, or one is made.
        """
        image, task = self.part.images[place], self.task
        packed = content = None
        try:
            if saliency is None:
                saliency, kept = self.kept_map(place), True
            if saliency is None:
                saliency, kept = task.find_map(image.name), False
            if task.layout.format == "arrow":
                packed = pack(saliency, task.layout)
            elif not kept:
                content = encode_map(saliency)
                # Rated as it will be read, so that one kept is rated as one made.
                saliency = to_bytes(saliency).astype(np.float32) / np.float32(255)
            rating = task.rate(image.name, saliency)
        except Exception as error:  # whatever a method may raise, or no Map
            self.fail(place, error)
            return
        try:
            if content is not None:
                path = png_path(task.folder, image.map_name)
                write_atomic(path, content, durable=False)
        except OSError as error:
            if error.errno not in _NAME_ERRORS:
                raise
            self._failures[image.name] = f"no file can have this name ({error})"
            return
        height, width = saliency.shape
        row = Row(image.name, image.map_name, height, width, *rating, packed)
        self._rows[place] = row
        if not kept or self.part.losses:  # or left by a killed worker of this job
            self._made.add(place)

    def fail(self, place: int, error: Exception) -> None:
        """Note why an image has no map; of a bug of the method also the traceback."""
        name = self.part.images[place].name
        reason = str(error).removeprefix(f"{self.task.images / name}: ")
        kind = type(error).__name__
        if isinstance(error, DiloError | MemoryError):
            self._failures[name] = reason or kind
            return
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = "".join(traceback.format_exception(error))
        where = f"{kind} in {Path(frame.filename).name}:{frame.lineno}"
        self._errors.append((where, MethodError(name, text)))
        self._failures[name] = f"{kind}: {reason} (traceback in {MANIFEST})"

    def write(self) -> PartResult:
        """Write the part, and count."""
        part, folder = self.part, self.task.folder
        rows = [self._rows[place] for place in sorted(self._rows)]
        if rows or not part.late:
            path = part_path(folder, part.number)
            write_part(path, self.task.layout, rows, self._failures)
        errors = first_errors(self._errors)
        return PartResult(len(part.images), len(self._made), self._failures, errors)
