"""List the image files below a folder.

What a system or this program has left beside them is passed over, and logged to the
logger `dilo`, as are folders that cannot be read.
"""

import logging
import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import overload

from dilo.errors import InputError
from dilo.side_files import OUTPUTS, SIDE_FOLDERS, masks_among, was_drawn_here

# What Pillow reads of photographs.
_KINDS = (
    *("jpg", "jpeg", "jpe", "jfif", "pjpeg", "mpo", "png", "apng", "webp", "avif"),
    *("gif", "bmp", "dib", "tif", "tiff", "jp2", "j2k", "ppm", "pgm", "pnm", "tga"),
)
IMAGE_SUFFIXES = frozenset(f".{kind}" for kind in _KINDS)

_log = logging.getLogger("dilo")


class Names(Sequence[str]):
    """Many names in little memory: their bytes one after the other, and their ends.

    A million names of 30 letters take 38 MB, a third of a list's, and nothing that a
    forked process would copy by looking at it.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])
        for name in names:
            self._bytes += os.fsencode(name)
            self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Give the name at a place, or a list of those in a slice."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        place = index % len(self)
        start, end = self._ends[place : place + 2]
        return os.fsdecode(bytes(self._bytes[start:end]))


def list_images(root: Path) -> list[str]:
    """List every photograph below `root`, at any depth, as sorted relative names.

    Names use forward slashes on every system. Links to folders are followed, each
    folder once. Passed over are hidden files and folders, those that systems leave
    beside photographs, what this program has written there, and masks in PNG beside
    photographs in JPEG.

    Raises:
        InputError: `root` is not a folder, or no image file lies below it.
    """
    return list(scan_images(root))


def scan_images(root: Path) -> Names:
    """List photographs as `list_images` does, in little memory: for millions."""
    others: Counter[str] = Counter()

    def wanted(name: str) -> bool:
        if is_image_name(name):
            return True
        if not name.startswith("."):
            others[PurePosixPath(name).suffix.lower() or "without suffix"] += 1
        return False

    def is_photograph(name: str) -> bool:
        drawn = name.lower().endswith(".png") and was_drawn_here(Path(root, name))
        if drawn:
            _log.warning("%s: passed over, drawn by dilo", Path(root, name))
        return not drawn

    names = Names(filter(is_photograph, walk(root, wanted)))
    if masks := masks_among(Path(root), names):
        _log.warning(
            "%s: %d .png files beside photographs are passed over, for they are masks",
            *(root, len(masks)),
        )
        names = Names(name for name in names if name not in masks)
    if others:
        counts = ", ".join(f"{others[kind]} {kind}" for kind in sorted(others))
        _log.info("%s: passed over %s", root, counts)
    if not names:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        raise InputError(f"{root}: no image files below this folder ({kinds})")
    return names


def walk(root: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the relative names of files below `root`, sorted, one folder in memory.

    Passed over are hidden folders and those of systems, folders that this program has
    made, and links to folders that are listed anyway. `wanted` decides about a file by
    its name, without folders.

    Raises:
        InputError: `root` is not a folder, or cannot be read.
    """
    if not os.path.isdir(root):
        raise InputError(f"{root}: not a folder")
    try:
        pending = [iter(_entries(root, "", wanted))]
    except OSError as error:
        raise InputError(f"{root}: {error.strerror}") from error
    visited = {os.path.realpath(root)}
    while pending:
        name = next(pending[-1], None)
        if name is None:
            pending.pop()
        elif not name.endswith("/"):
            yield name
        elif _is_new(root, name, visited):
            try:
                pending.append(iter(_entries(root, name, wanted)))
            except OSError as error:
                folder = os.path.join(root, name)
                _log.warning("%s: passed over (%s)", folder, error.strerror)


def is_image_name(name: str) -> bool:
    """Tell an image file by its name."""
    path = PurePosixPath(name)
    return not path.name.startswith(".") and path.suffix.lower() in IMAGE_SUFFIXES


def _is_new(root: Path, name: str, visited: set[str]) -> bool:
    """Whether a folder below `root` is to be listed; links lead to each folder once."""
    path = os.path.join(root, name)
    mark = next((mark for mark in OUTPUTS if os.path.exists(path + mark)), None)
    if mark is not None:
        _log.warning("%s: passed over, %s made by dilo", path, OUTPUTS[mark])
        return False
    is_link = os.path.islink(path.rstrip("/"))
    if not is_link and len(visited) == 1:  # no link was followed
        return True
    real, start = os.path.realpath(path), os.path.realpath(root)
    # A link to a folder around `root`, or into what is listed by itself.
    again = is_link and (
        Path(start).is_relative_to(real) or any(map(Path(real).is_relative_to, visited))
    )
    if again or real in visited:
        _log.warning("%s: passed over, a link to what is listed already", path)
        return False
    if is_link:
        visited.add(real)
    return True


def _entries(root: Path, prefix: str, wanted: Callable[[str], bool]) -> list[str]:
    """List files and folders (with "/" at the end) of one folder, sorted.

    The slash takes part in the order, so that walking folder by folder gives all names
    sorted: "a-b/x" comes before "a/x".
    """
    names: list[str] = []
    with os.scandir(os.path.join(root, prefix)) as entries:
        for entry in entries:
            try:
                is_folder = entry.is_dir()
            except OSError:  # a link to itself
                is_folder = False
            if not is_folder:
                if wanted(entry.name):
                    names.append(prefix + entry.name)
            elif not entry.name.startswith(".") and entry.name not in SIDE_FOLDERS:
                names.append(f"{prefix}{entry.name}/")
    names.sort()
    return names
