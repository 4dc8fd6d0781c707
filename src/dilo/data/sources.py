"""Where images come from: a folder, a CSV that lists files, or WebDataset shards."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dilo.data.shards import COMPRESSED, Shards
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
    if path.is_file() and path.suffix.lower() == ".csv":
        rows = [(line, file) for line, (file,) in read_rows(path)]
        return ImageFiles(find_root(path, rows), Names(sorted(row[1] for row in rows)))
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


def read_rows(
    table: Path, *columns: Sequence[str], optional: str | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the texts of each row: file, `columns`, `optional`.

    Args:
        table: a CSV in UTF-8, with a header that has a column file.
        columns: for each, its names; the first of them that the header has counts.
        optional: a column that need not be there.

    Raises:
        InputError: it is no such CSV, a text is missing, or a file comes twice.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            header = reader.fieldnames or ()
            chosen = [_choose(table, header, names) for names in (["file"], *columns)]
            chosen += [optional] if optional and optional in header else []
            seen: dict[str, int] = {}
            for values in reader:
                line = reader.line_num
                texts = [_text(table, line, values, name) for name in chosen]
                if texts[0] in seen:
                    raise InputError(
                        f"{table}, line {line}: {texts[0]} stands in line "
                        f"{seen[texts[0]]} already; list every image once"
                    )
                seen[texts[0]] = line
                yield line, texts
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{table}: not a CSV in UTF-8 ({error})") from error
    if not seen:
        raise InputError(f"{table}: lists no image below its header")


def find_root(table: Path, files: Sequence[tuple[int, str]]) -> Path:
    """Find the folder to which the files are relative: that of the CSV, or images/.

    Args:
        table: the CSV.
        files: line and name of each.

    Raises:
        InputError: one of the files is not there.
    """
    folders = (table.parent, table.parent / "images")
    first = files[0][1]
    root = next((path for path in folders if (path / first).is_file()), None)
    for line, file in files:
        if root is None or not (root / file).is_file():
            where = " or ".join(map(str, folders)) if root is None else str(root)
            raise InputError(
                f"{table}, line {line}: there is no {file} below {where}; "
                "files are relative to the folder of the CSV or to images/ beside it"
            )
    return root or folders[0]


def _choose(table: Path, header: Sequence[str], names: Sequence[str]) -> str:
    found = next((name for name in names if name in header), None)
    if found is None:
        got = ",".join(header)
        raise InputError(
            f"{table}, line 1: the header needs a column {' or '.join(names)}, "
            f"got {got!r}"
        )
    return found


def _text(table: Path, line: int, values: dict[str, str], column: str) -> str:
    text = (values[column] or "").strip()
    if not text:
        raise InputError(f"{table}, line {line}: the column {column} is empty")
    return text
