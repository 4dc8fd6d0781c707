"""Line charts of a page: SVG by matplotlib, in the colours of the page."""

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dilo import charts

SIZE = (3.75, 2.3)  # inches; the page scales it
LINE_COLOURS = charts.COLOURS[:6]
DASHES = ("none", "7 3", "2 3", "9 3 2 3")  # keep series apart without colours

# The page has two sets of colours, for light and dark: these stand for its own.
_OF_THE_PAGE = {
    "#000000": "--soft",
    "#ebebeb": "--grid",
    **{colour: f"--line-{number}" for number, colour in enumerate(LINE_COLOURS)},
}
# What belongs in a file but not within a page: names that others have too, a style
# that would reach the whole page, and the size.
_OF_A_FILE = re.compile(
    r'<defs>\s*<style.*?</style>\s*</defs>\s*| xmlns(?::xlink)?="[^"]*"'
    r'| (?:width|height)="[\d.]+pt"| id="[\w.]+_\d+"',
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart of a `Curves` block; the title says what is on the y axis.

    Where y is not finite a line is broken.
    """

    title: str
    x_label: str
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]  # name -> x, y
    level: tuple[str, float] | None = None  # a horizontal line: ("chance", 0.1)


class LineStyle(NamedTuple):
    """How a series looks in every chart of a block."""

    colour: int  # of the page's --line-0, --line-1, ...
    dash: str  # as SVG has it


def line_styles(block: Sequence[Chart]) -> dict[str, LineStyle]:
    """Give every series name one style, in order of first appearance."""
    names = dict.fromkeys(name for chart in block for name in chart.lines)
    return {
        name: LineStyle(number % len(LINE_COLOURS), DASHES[number % len(DASHES)])
        for number, name in enumerate(names)
    }


def draw_chart(chart: Chart, styles: dict[str, LineStyle]) -> str:
    """Draw the axes and lines as an SVG element; empty if there is no point.

    No text of the chart is in it but numbers: the page sets the others.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    if not any(_points(*line) for line in chart.lines.values()):
        return ""
    import matplotlib as mpl

    paint = functools.partial(_paint, chart=chart, styles=styles)
    with mpl.rc_context({"svg.fonttype": "none", "lines.scale_dashes": False}):
        svg = charts.draw(paint, SIZE, "svg").decode()
    svg = _OF_A_FILE.sub("", svg[svg.index("<svg") :])
    for colour, name in _OF_THE_PAGE.items():
        svg = svg.replace(colour, f"var({name})")
    return svg


def _paint(figure: Any, chart: Chart, styles: dict[str, LineStyle]) -> None:
    figure.patch.set_visible(False)
    axes = figure.subplots()
    axes.patch.set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y")
    axes.tick_params(labelsize=8.5)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0, y=0.08)
    if chart.level is not None:
        axes.axhline(chart.level[1], color="#000000", linestyle=":", linewidth=1)
    for name, (x, y) in chart.lines.items():
        points = _points(x, y)
        if not points:
            continue
        style = styles[name]
        dash = [float(length) for length in style.dash.split() if style.dash != "none"]
        colour = LINE_COLOURS[style.colour]
        shape = (0, dash) if dash else "-"
        axes.plot(x, y, color=colour, linestyle=shape, linewidth=1.5)
        axes.plot(*points[-1], "o", color=colour, markersize=4, clip_on=False)


def _points(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float]]:
    """Give the points that can be drawn."""
    pairs = zip(x, y, strict=True)
    return [pair for pair in pairs if all(map(math.isfinite, pair))]
