"""Tables that list image files: CSV as scripts and spreadsheets write it."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dilo.errors import InputError

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
_DELIMITERS = ",;\t"


class Row(NamedTuple):
    """One line of a table."""

    line: int
    file: str  # as it stands there
    texts: list[str]  # of the other columns that were asked for


def read_rows(
    table: Path, *columns: Sequence[str], optional: str | None = None
) -> list[Row]:
    """Read the rows of a table: the column file, `columns`, and `optional`.

    Args:
        table: a CSV in UTF-8 or UTF-16, separated by commas, semicolons or tabs, with a
            header that has a column file. Capitals and blanks in the header do not
            matter.
        columns: for each, its names; the first of them that the header has counts.
        optional: a column that need not be there.

    Raises:
        InputError: it is no such table, a text is missing, or a row is longer than the
            header.
    """
    lines = _cells(table)
    header = [name.lower() for name in next(lines, (1, []))[1]]
    wanted = [["file"], *columns]
    wanted += [[optional]] if optional in header else []
    places = [_place(table, header, names) for names in wanted]
    rows = [_row(table, line, cells, header, places) for line, cells in lines if cells]
    if not rows:
        raise InputError(f"{table}: lists no image below its header")
    return rows


def _cells(table: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line and its cells, without blanks around them."""
    text = _text(table)
    lines = io.StringIO(text, newline="")
    header = lines.readline()
    lines.seek(0)
    # Equally many: the comma. Later lines may have commas in their file names.
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 0
    try:
        for cells in reader:
            line = reader.line_num
            yield line, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise InputError(
            f"{table}, line {line + 1}: not a CSV ({error}); close the quotation mark, "
            'and write one inside a text as ""'
        ) from error


def _text(table: Path) -> str:
    content = table.read_bytes()
    encoding = _encoding(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].decode(encoding, "replace").count("\n") + 1
        raise InputError(
            f"{table}, line {line}: not a CSV in UTF-8 or UTF-16 (byte "
            f"0x{content[error.start]:02x}); save it as CSV in UTF-8"
        ) from error


def _encoding(content: bytes) -> str:
    """Tell UTF-16 by its mark, or by the zero byte of the header's first letter."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if content[:1] == b"\0" else "utf-8-sig"


def _place(table: Path, header: Sequence[str], names: Sequence[str]) -> int:
    found = next((name for name in names if name in header), None)
    if found is None:
        got = ",".join(header)
        raise InputError(
            f"{table}, line 1: the header needs a column {' or '.join(names)}, "
            f"got {got!r}"
        )
    if header.count(found) > 1:
        raise InputError(
            f"{table}, line 1: the header has {header.count(found)} columns {found}; "
            "keep one"
        )
    return header.index(found)


def _row(
    table: Path,
    line: int,
    cells: Sequence[str],
    header: Sequence[str],
    places: Sequence[int],
) -> Row:
    if any(cells[len(header) :]):
        raise InputError(
            f"{table}, line {line}: {len(cells)} cells below a header of {len(header)} "
            f"({_shown(cells)}); put quotation marks around a text with the separator "
            "in it, or name the column"
        )
    texts = [cells[place] if place < len(cells) else "" for place in places]
    if "" in texts:
        column = header[places[texts.index("")]]
        raise InputError(
            f"{table}, line {line}: the column {column} is empty ({_shown(cells)}); "
            "fill it, or take the line away"
        )
    return Row(line, texts[0], texts[1:])


def _shown(cells: Sequence[str]) -> str:
    """Write cells as they stood, at most a line of them."""
    text = ",".join(cells)
    return repr(text if len(text) <= 60 else text[:57] + "...")
