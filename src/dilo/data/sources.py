"""Where images come from: a folder, a CSV that lists files, or WebDataset shards."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dilo.data.shards import SUFFIX, Shards
from dilo.data.table import find_root, read_rows
from dilo.data.tar_index import COMPRESSED
from dilo.errors import InputError
from dilo.folder import Names, is_image_name, scan_images, walk

_FORMS = "give a folder of images, a CSV with the column file, or .tar shards"
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


class ImageSource(Protocol):
    """Image files by number, sorted by their names."""

    @property
    def root(self) -> Path:
        """The folder to which the names are relative."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The names, with forward slashes."""
        ...

    def read(self, index: int) -> Path | bytes:
        """Give a file, or its bytes; raise ImageError if they cannot be read."""
        ...


@dataclass(frozen=True)
class ImageFiles:
    """Image files below a folder."""

    root: Path
    names: Sequence[str]

    def read(self, index: int) -> Path:
        """Give the path of a file."""
        return self.root / self.names[index]


def open_source(path: str | Path) -> ImageSource:
    """Find the images of a folder, a CSV or shards; sorted, so that they are the same.

    Args:
        path: a folder of images at any depth; a CSV whose column `file` names them,
            relative to its own folder or to images/ beside it; a .tar file, a folder
            of such files, or a pattern such as "shard-{0000..0009}.tar".

    Raises:
        InputError: there is no such thing, or no image in it.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path)
    if path.is_file() and path.suffix.lower() == ".csv":
        return _open_table(path)
    patterned = not path.exists() and _BRACES.search(str(path)) is not None
    shards = [Path(each) for each in expand(str(path))] if patterned else [path]
    missing = [shard for shard in shards if not shard.is_file()]
    if missing:
        count = f" ({len(missing)} of {len(shards)} are missing)" if patterned else ""
        raise InputError(f"{missing[0]}: no such file or folder{count}; {_FORMS}")
    for shard in shards:
        if not _is_tar(shard):
            raise InputError(f"{shard}: neither CSV nor tar file; {_FORMS}")
    return Shards(shards)


def expand(pattern: str) -> Iterator[str]:
    """Expand braces as a shell does: x-{008..010} and x-{a,b}.

    Numbers keep the width of the first.

    Raises:
        InputError: what stands in braces is neither a range nor a list.
    """
    found = _BRACES.search(pattern)
    if found is None:
        yield pattern
        return
    for choice in _choices(pattern, found[1]):
        yield from expand(pattern[: found.start()] + choice + pattern[found.end() :])


def _choices(pattern: str, inside: str) -> list[str]:
    numbers = _RANGE.fullmatch(inside)
    if numbers is not None:
        first, last = numbers.groups()
        choices = [
            str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)
        ]
        if choices:
            return choices
    elif "," in inside:
        return inside.split(",")
    raise InputError(
        f"{pattern}: braces hold a rising range or a list, as in {{0000..0009}} and "
        f"{{a,b}}, got {{{inside}}}"
    )


def _open_folder(folder: Path) -> ImageSource:
    """Open a folder: a tar file among images is not one of them."""
    tars = sorted(path for path in folder.iterdir() if _is_tar(path))
    if tars and next(walk(folder, is_image_name), None) is None:
        return Shards(tars)
    return ImageFiles(folder, scan_images(folder))


def _open_table(table: Path) -> ImageSource:
    rows = [(line, file) for line, (file,) in read_rows(table)]
    root = find_root(table, rows)
    return ImageFiles(root, Names(sorted(file for _, file in rows)))


def _is_tar(path: Path) -> bool:
    name = path.name.lower()
    return not name.startswith(".") and name.endswith((SUFFIX, *COMPRESSED))
