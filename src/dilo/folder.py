"""List the image files below a folder."""

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import overload

from dilo.errors import InputError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff"}
)


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
    """List every image file below `root`, at any depth, as sorted relative names.

    Names use forward slashes on every system. Hidden files and folders are passed
    over; links to folders are not followed, so that a loop cannot hang the job.

    Raises:
        InputError: `root` is not a folder, or no image file lies below it.
    """
    return list(scan_images(root))


def scan_images(root: Path) -> Names:
    """List image files as `list_images` does, in little memory: for millions."""
    names = Names(walk(root, is_image_name))
    if not names:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        raise InputError(f"{root}: no image files below this folder ({kinds})")
    return names


def walk(root: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the relative names of files below `root`, sorted, one folder in memory.

    Folders that are hidden or linked are passed over. `wanted` decides about a file by
    its name, without folders.

    Raises:
        InputError: `root` is not a folder.
        OSError: a folder in it cannot be read.
    """
    if not os.path.isdir(root):
        raise InputError(f"{root}: not a folder")
    pending = [iter(_entries(root, "", wanted))]
    while pending:
        name = next(pending[-1], None)
        if name is None:
            pending.pop()
        elif name.endswith("/"):
            pending.append(iter(_entries(root, name, wanted)))
        else:
            yield name


def is_image_name(name: str) -> bool:
    """Tell an image file by its name."""
    path = PurePosixPath(name)
    return not path.name.startswith(".") and path.suffix.lower() in IMAGE_SUFFIXES


def _entries(root: Path, prefix: str, wanted: Callable[[str], bool]) -> list[str]:
    """List files and folders (with "/" at the end) of one folder, sorted.

    The slash takes part in the order, so that walking folder by folder gives all names
    sorted: "a-b/x" comes before "a/x".
    """
    names: list[str] = []
    with os.scandir(os.path.join(root, prefix)) as entries:
        for entry in entries:
            with suppress(OSError):  # a link to itself
                if entry.is_dir():
                    if not entry.name.startswith(".") and not entry.is_symlink():
                        names.append(f"{prefix}{entry.name}/")
                    continue
            if wanted(entry.name):
                names.append(prefix + entry.name)
    names.sort()
    return names
