"""Line charts: from numbers to the geometry of an SVG, which report.html writes out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dilo.errors import InputError

WIDTH, HEIGHT = 360, 232
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 40  # margins

# Colours are custom properties of the page, --line-0 ...; dashes tell the series apart
# without colours.
COLOURS = 6
DASHES = ("none", "7 3", "2 3", "9 3 2 3")


@dataclass(frozen=True, kw_only=True)
class Series:
    """A named line through points; where y is not finite the line is broken."""

    name: str
    x: Sequence[float]
    y: Sequence[float]

    def __post_init__(self) -> None:
        """Check the lengths.

        Raises:
            InputError: x and y are not equally long.
        """
        if len(self.x) != len(self.y):
            raise InputError(
                f"{self.name}: {len(self.x)} values of x, {len(self.y)} of y"
            )


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart of a `Curves` block."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    level: tuple[str, float] | None = None  # a horizontal line: ("chance", 0.1)


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a series looks in every chart of a block."""

    colour: int
    dash: str


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A tick of an axis: place in pixels of the drawing, and text."""

    place: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """A drawn series."""

    name: str
    path: str  # the d of an SVG path
    end: tuple[float, float]  # its last point


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A chart in pixels of a WIDTH x HEIGHT drawing."""

    lines: Sequence[Line]
    x_ticks: Sequence[Tick] = ()
    y_ticks: Sequence[Tick] = ()
    level: float | None = None  # y of the horizontal line
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """Maps values from low..high to pixels from start..stop."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.stop - self.start), 2)


def series_styles(charts: Sequence[Chart]) -> dict[str, Style]:
    """Give every series name one style, in order of first appearance."""
    names = dict.fromkeys(series.name for chart in charts for series in chart.series)
    return {
        name: Style(colour=number % COLOURS, dash=DASHES[number % len(DASHES)])
        for number, name in enumerate(names)
    }


def draw_chart(chart: Chart) -> Drawing:
    """Lay out a chart; a drawing without lines says that there are no points."""
    points = {
        series.name: [
            (float(x), float(y))
            for x, y in zip(series.x, series.y, strict=True)
            if math.isfinite(x)
        ]
        for series in chart.series
    }
    shown = [
        point for part in points.values() for point in part if math.isfinite(point[1])
    ]
    if not shown:
        return Drawing(lines=())
    levels = [chart.level[1]] if chart.level else []
    x_ticks = nice_ticks(*_extent([x for x, _ in shown]))
    y_ticks = nice_ticks(*_extent([y for _, y in shown] + levels))
    # The x axis ends where the data end; the y axis ends on ticks.
    x_low, x_high = _extent([x for x, _ in shown])
    x_scale = _Scale(low=x_low, high=x_high, start=LEFT, stop=WIDTH - RIGHT)
    y_scale = _Scale(low=y_ticks[0], high=y_ticks[-1], start=HEIGHT - BOTTOM, stop=TOP)
    inside = [tick for tick in x_ticks if x_low <= tick <= x_high]
    return Drawing(
        lines=[
            line
            for name, part in points.items()
            if (line := _line(name, part, x_scale, y_scale))
        ],
        x_ticks=_labelled(inside, x_scale),
        y_ticks=_labelled(y_ticks, y_scale),
        level=y_scale(levels[0]) if levels else None,
    )


def nice_ticks(low: float, high: float, steps: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten around low..high, in few steps."""
    raw = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _extent(values: Sequence[float]) -> tuple[float, float]:
    """Smallest and largest value, apart even if all values are equal."""
    low, high = min(values), max(values)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        margin = abs(low) * 0.1 or 1.0
        return low - margin, high + margin
    return low, high


def _labelled(values: Sequence[float], scale: _Scale) -> list[Tick]:
    step = values[1] - values[0] if len(values) > 1 else 1.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [
        Tick(place=scale(value), text=_tick_text(value, digits)) for value in values
    ]


def _tick_text(value: float, digits: int) -> str:
    if abs(value) >= 1e5 or digits > 4:
        return f"{value:.3g}".replace("-", "\u2212")
    return f"{value + 0.0:.{digits}f}".replace("-", "\u2212")


def _line(
    name: str, points: Sequence[tuple[float, float]], x_scale: _Scale, y_scale: _Scale
) -> Line | None:
    steps: list[str] = []
    end: tuple[float, float] | None = None
    pen = "M"
    for x, y in points:
        if not math.isfinite(y):
            pen = "M"
            continue
        end = (x_scale(x), y_scale(y))
        steps.append(f"{pen}{end[0]:g} {end[1]:g}")
        pen = "L"
    return None if end is None else Line(name=name, path="".join(steps), end=end)
