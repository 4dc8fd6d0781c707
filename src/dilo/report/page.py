"""A report as data, and `render`, which turns it into one self-contained HTML page.

The page needs no network and no file beside it: pictures are data URIs, charts inline
SVG, and a content policy forbids everything else. The same report gives the same bytes.
"""

import functools
import importlib.resources
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

import jinja2

from dilo.errors import InputError
from dilo.image import Image, check_image
from dilo.report.chart import Chart, draw_chart, line_styles
from dilo.report.pictures import data_uri, display_size

NO_VALUE = "\u2013"  # what a table shows for None and for numbers that are not finite


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A table cell: a number, with its standard deviation over seeds if known."""

    mean: float
    std: float | None = None
    digits: int = 1  # after the decimal point
    better: Literal["high", "low"] | None = None  # None: it takes no part in a contest


Cell = str | Measured | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells; of `Measured` cells the best in each column are marked."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    note: str = ""  # below the table

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.header):
                raise InputError(
                    f"row {number} has {len(row)} cells, the header {len(self.header)}"
                )


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Small charts side by side; a series has the same style in all of them."""

    charts: Sequence[Chart]


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A picture of a gallery; small ones are enlarged by a whole factor."""

    image: Image  # uint8 (H, W, 3), in the size in which it is to be kept
    caption: str = ""
    tag: str = ""  # a second, emphasised line: "same background"
    mark: Literal["good", "bad"] | None = None  # coloured frame and symbol

    def __post_init__(self) -> None:
        check_image(self.image)


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Rows of pictures, each row cut into the same groups."""

    rows: Sequence[Sequence[Picture]]
    labels: Sequence[str] = ()  # of the rows, at their left end
    groups: Sequence[tuple[str, int]] = ()  # heading and number of pictures of each
    caption: str = ""

    def __post_init__(self) -> None:
        expected = sum(count for _, count in self.groups)
        for number, row in enumerate(self.rows):
            if self.groups and len(row) != expected:
                raise InputError(
                    f"row {number} has {len(row)} pictures, "
                    f"the groups together {expected}"
                )


Block = Table | Curves | Gallery


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading, a text, and what belongs to it. A blank line parts paragraphs."""

    heading: str
    text: str = ""
    blocks: Sequence[Block] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """A page: what was found, in words, then the evidence. Blank lines part."""

    title: str
    summary: str = ""
    sections: Sequence[Section] = ()


def render(report: Report) -> str:
    """Build the page: no network, no clock, same input same bytes.

    All texts are plain text: markup in them is shown, never obeyed. The result has no
    lone surrogates, so that it can be written as UTF-8 whatever file names it shows.
    """
    html = _template().render(report=report)
    return html.encode("utf-8", "backslashreplace").decode("utf-8")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        cells=_cells,
        data_uri=data_uri,
        display_size=display_size,
        draw=draw_chart,
        grouped=_grouped,
        layout=_layout,
        kind=lambda block: type(block).__name__,
        numeric=_numeric,
        paragraphs=_paragraphs,
        styles=line_styles,
    )
    source = importlib.resources.files(__package__).joinpath("page.html")
    return environment.from_string(source.read_text(encoding="utf-8"))


class _Shown(NamedTuple):
    """A table cell as the template shows it."""

    text: str
    spread: str = ""
    best: bool = False


def _cells(table: Table) -> list[list[_Shown]]:
    best = [_best(column) for column in zip(*table.rows, strict=True)]
    return [
        [_show(cell, mark) for cell, mark in zip(row, best, strict=True)]
        for row in table.rows
    ]


def _numeric(table: Table) -> list[bool]:
    """Report for each column whether it holds numbers, which are set to the right."""
    return [
        bool(table.rows) and not any(isinstance(row[column], str) for row in table.rows)
        for column in range(len(table.header))
    ]


def _best(column: Sequence[Cell]) -> str | None:
    """The best number of a column as it is shown; None without a contest.

    Cells that look alike are alike: of 61.24 and 61.18, both 61.2, neither wins alone.
    """
    rivals = [
        cell
        for cell in column
        if isinstance(cell, Measured) and cell.better and math.isfinite(cell.mean)
    ]
    if len(rivals) < 2:
        return None
    sign = 1 if rivals[0].better == "high" else -1
    return _number(max(rivals, key=lambda cell: sign * cell.mean))


def _show(cell: Cell, best: str | None) -> _Shown:
    if isinstance(cell, str):
        return _Shown(text=cell)
    if cell is None or not math.isfinite(cell.mean):
        return _Shown(text=NO_VALUE)
    spread = "" if cell.std is None else f"± {cell.std:.{cell.digits}f}"
    text = _number(cell)
    marked = cell.better is not None and text == best
    return _Shown(text=text, spread=spread, best=marked)


def _number(cell: Measured) -> str:
    text = f"{cell.mean:.{cell.digits}f}"
    return text.replace("-", "\u2212")  # a minus as wide as a plus


def _grouped(
    row: Sequence[Picture], gallery: Gallery
) -> list[tuple[str, Sequence[Picture]]]:
    """Cut a row of a gallery into (heading, pictures)."""
    rest, groups = iter(row), gallery.groups or [("", len(row))]
    return [(heading, list(islice(rest, count))) for heading, count in groups]


def _layout(gallery: Gallery) -> str:
    """Choose the CSS class: how rows of so many pictures stand on a wide page."""
    widest = max(map(len, gallery.rows), default=0)
    if widest > 10 or gallery.labels:
        return "free"
    if widest <= 4 and len(gallery.rows) > 1:
        return "paired"
    return "seven" if widest <= 7 else "ten"


def _paragraphs(text: str) -> list[str]:
    # No line ends between a number and its sign.
    parts = (part.strip().replace(" %", "\u00a0%") for part in text.split("\n\n"))
    return [part for part in parts if part]
