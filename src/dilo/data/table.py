"""Rows of a CSV that lists image files, one each."""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dilo.errors import InputError

# Chooses columns by the header: the file's first, None for one that is not there.
Choose = Callable[[Sequence[str]], Sequence[str | None]]


def read_rows(source: Path, choose: Choose) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the texts of the chosen columns of each row.

    Args:
        source: a CSV in UTF-8, with a header.
        choose: names the columns; the first holds the file. The text of a column that
            is None is empty.

    Raises:
        InputError: the file is no such CSV, a text is missing, or a file comes twice.
    """
    try:
        with source.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            columns = choose(reader.fieldnames or ())
            seen: dict[str, int] = {}
            for values in reader:
                line = reader.line_num
                texts = [_text(source, line, values, name) for name in columns]
                if texts[0] in seen:
                    raise InputError(
                        f"{source}, line {line}: {texts[0]} stands in line "
                        f"{seen[texts[0]]} already; list every image once"
                    )
                seen[texts[0]] = line
                yield line, texts
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{source}: not a CSV in UTF-8 ({error})") from error


def find_root(source: Path, files: Sequence[tuple[int, str]]) -> Path:
    """Find the folder to which the files are relative: that of the CSV, or images/.

    Args:
        source: the CSV.
        files: line and name of each.

    Raises:
        InputError: one of the files is not there.
    """
    folders = (source.parent, source.parent / "images")
    first = files[0][1]
    root = next((path for path in folders if (path / first).is_file()), None)
    for line, file in files:
        if root is None or not (root / file).is_file():
            where = " or ".join(map(str, folders)) if root is None else str(root)
            raise InputError(
                f"{source}, line {line}: there is no {file} below {where}; "
                "files are relative to the folder of the CSV or to images/ beside it"
            )
    return root or folders[0]


def _text(source: Path, line: int, values: dict[str, str], column: str | None) -> str:
    if column is None:
        return ""
    text = (values[column] or "").strip()
    if not text:
        raise InputError(f"{source}, line {line}: the column {column} is empty")
    return text
