"""Contact sheets: a grid of pictures with column heads and row labels, as one Image."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from dilo.image import Image
from dilo.report.pictures import enlarge, fit

CELL = 176  # pixels, the side of the square in which a picture stands
GAP = 12
MARGIN = 24
TEXT = 14  # font size, and with LEADING the height of a line
LEADING = 20
LABEL = LEADING + 10  # height of a row's label, which stands above it

PAPER, INK, SOFT, RULE = (255, 255, 255), (30, 31, 33), (105, 109, 116), (226, 226, 222)
EMPTY = (244, 244, 241)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """A picture, a note below it, or the note alone in an empty square."""

    image: Image | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """A line of text, and the pictures below it."""

    label: str
    cells: Sequence[Cell]


def draw_sheet(heads: Sequence[str], rows: Sequence[SheetRow]) -> Image:
    """Draw a sheet: uint8 (H, W, 3).

    Args:
        heads: one for each column, of one line or more.
        rows: drawn one below the other; a row may have fewer cells than heads.
    """
    head_height = LEADING * max(head.count("\n") + 1 for head in heads)
    heights = [_row_height(row) for row in rows]
    width = 2 * MARGIN + len(heads) * (CELL + GAP) - GAP
    height = 2 * MARGIN + head_height + sum(heights)
    sheet = PIL.Image.new("RGB", (width, height), PAPER)
    pen = PIL.ImageDraw.Draw(sheet)
    for column, head in enumerate(heads):
        _write(pen, (_left(column), MARGIN), head, INK)
    top = MARGIN + head_height
    for row, row_height in zip(rows, heights, strict=True):
        pen.line((MARGIN, top + 4, width - MARGIN, top + 4), RULE)
        label = _shorten(row.label, width - 2 * MARGIN)
        _write(pen, (MARGIN, top + 9), label, SOFT)
        for column, cell in enumerate(row.cells):
            _draw_cell(sheet, cell, _left(column), top + LABEL)
        top += row_height
    return np.asarray(sheet)


@functools.cache
def _font() -> PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont:
    return PIL.ImageFont.load_default(TEXT)


def printable(text: str) -> str:
    """Spell a text in ASCII on one line: Pillow's built-in font has no more glyphs."""
    return text.encode("unicode_escape").decode("ascii")


def _left(column: int) -> int:
    return MARGIN + column * (CELL + GAP)


def _row_height(row: SheetRow) -> int:
    shown = [cell for cell in row.cells if cell.image is not None]
    heights = [_fitted(cell).shape[0] + LEADING * bool(cell.note) for cell in shown]
    heights += [CELL // 2 for cell in row.cells if cell.image is None]
    return LABEL + max(heights, default=0) + GAP


def _fitted(cell: Cell) -> Image:
    assert cell.image is not None
    return fit(enlarge(cell.image, CELL), CELL)


def _draw_cell(sheet: PIL.Image.Image, cell: Cell, left: int, top: int) -> None:
    pen = PIL.ImageDraw.Draw(sheet)
    if cell.image is None:
        pen.rectangle((left, top, left + CELL - 1, top + CELL // 2 - 1), EMPTY)
        middle = top + CELL // 4 - LEADING // 2
        _write(pen, (left + 10, middle), _shorten(cell.note, CELL - 20), INK)
        return
    image = _fitted(cell)
    sheet.paste(PIL.Image.fromarray(image), (left, top))
    below = top + image.shape[0] + 3
    _write(pen, (left, below), _shorten(cell.note, CELL), INK)


def _write(
    pen: PIL.ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
) -> None:
    for number, line in enumerate(text.split("\n")):
        pen.text((place[0], place[1] + number * LEADING), line, colour, _font())


def _shorten(text: str, width: int) -> str:
    """Cut a text at its end until it is no wider than `width` pixels."""
    font = _font()
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
