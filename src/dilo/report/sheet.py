"""Contact sheets: a grid of pictures with column heads and row labels, as one Image."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from dilo.image import Image
from dilo.report.pictures import fit

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
    tiles = [[_draw_cell(cell) for cell in row.cells] for row in rows]
    heights = [LABEL + max((tile.height for tile in row), default=GAP) for row in tiles]
    width = 2 * MARGIN + len(heads) * (CELL + GAP) - GAP
    lefts = range(MARGIN, width - MARGIN, CELL + GAP)
    size = (width, 2 * MARGIN + head_height + sum(heights))
    sheet = PIL.Image.new("RGB", size, PAPER)
    pen = PIL.ImageDraw.Draw(sheet)
    for left, head in zip(lefts, heads, strict=True):
        for number, line in enumerate(head.split("\n")):
            pen.text((left, MARGIN + number * LEADING), line, INK, _font())
    top = MARGIN + head_height
    for row, of_row, height in zip(rows, tiles, heights, strict=True):
        pen.line((MARGIN, top + 4, width - MARGIN, top + 4), RULE)
        label = _shorten(row.label, width - 2 * MARGIN)
        pen.text((MARGIN, top + 9), label, SOFT, _font())
        for left, tile in zip(lefts, of_row, strict=False):
            sheet.paste(tile, (left, top + LABEL))
        top += height
    return np.asarray(sheet)


def _draw_cell(cell: Cell) -> PIL.Image.Image:
    """Draw a picture with its note, as wide as a cell and with the gap below it."""
    if cell.image is None:
        tile = PIL.Image.new("RGB", (CELL, CELL // 2 + GAP), PAPER)
        tile.paste(EMPTY, (0, 0, CELL, CELL // 2))
        place, width = (10, CELL // 4 - LEADING // 2), CELL - 20
    else:
        image = fit(cell.image, CELL, enlarge=True)
        height = len(image) + LEADING * bool(cell.note) + GAP
        tile = PIL.Image.new("RGB", (CELL, height), PAPER)
        tile.paste(PIL.Image.fromarray(image), (0, 0))
        place, width = (0, len(image) + 3), CELL
    note = _shorten(cell.note, width)
    PIL.ImageDraw.Draw(tile).text(place, note, INK, _font())
    return tile


@functools.cache
def _font() -> PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont:
    return PIL.ImageFont.load_default(TEXT)


def _shorten(text: str, width: int) -> str:
    """Spell a text in one line of ASCII, cut at its end to `width` pixels."""
    # Pillow's built-in font has no more glyphs.
    text = text.encode("unicode_escape").decode("ascii")
    if _font().getlength(text) <= width:
        return text
    while text and _font().getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
