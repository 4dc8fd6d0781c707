"""Rows of a CSV that lists image files, one each."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from dilo.errors import InputError


def read_rows(
    table: Path, *columns: Sequence[str], optional: str | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the texts of each row: file, `columns`, `optional`.

    Args:
        table: a CSV in UTF-8, with a header that has a column file.
        columns: for each, its names; the first of them that the header has counts.
        optional: a column whose text is empty if there is none.

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
