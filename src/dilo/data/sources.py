"""Where images come from: a folder, a CSV that lists files, or WebDataset shards."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dilo.data.listed import find_files
from dilo.data.shards import COMPRESSED, Shards
from dilo.data.table import TABLE_SUFFIXES, read_rows
from dilo.errors import InputError
from dilo.folder import Names, is_image_name, scan_images, walk

_FORMS = "give a folder of images, a CSV with the column file, or .tar shards"
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True)
class ImageFiles:
    """Image files below a folder, sorted; names with forward slashes."""

    root: Path
    names: Sequence[str]

    def read(self, index: int) -> Path:
        """Give the path of a file."""
        return self.root / self.names[index]


ImageSource = ImageFiles | Shards


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
        tars = sorted(each for each in path.iterdir() if _is_tar(each))
        # A tar file among images is not one of them.
        if tars and next(walk(path, is_image_name), None) is None:
            return Shards(tars)
        return ImageFiles(path, scan_images(path))
    if path.is_file() and path.suffix.lower() in TABLE_SUFFIXES:
        root, names = find_files(path, read_rows(path))
        return ImageFiles(root, Names(sorted(names)))
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


def _is_tar(path: Path) -> bool:
    name = path.name.lower()
    return not name.startswith(".") and name.endswith((".tar", *COMPRESSED))
