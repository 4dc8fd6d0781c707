"""The tables of the command score."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import rich.box
import rich.console
import rich.table
import rich.text

from dilo.cli.output import console, say

if TYPE_CHECKING:
    from dilo.saliency.scoring import ImageScores

BEST = (
    "* best; = not told apart from the best by these images (95 %, paired bootstrap)."
)
INTERVALS = "Below each score its 95 % interval over images."
MAE = "Of MAE smaller is better."

_COLUMN = 11  # characters: the width of an interval


def show_store(folder: Path, truth: Path, images: Sequence["ImageScores"]) -> None:
    """Print the scores of one store with their intervals and meanings."""
    from dilo.saliency.scoring import METRICS, intervals, resample, summarise

    scores = summarise(images)
    limits = intervals(resample(images))
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("95 %", justify="right")
    table.add_column("", style="dim")
    for metric in METRICS:
        value = scores[metric.name]
        low, high = limits[metric.name]
        interval = f"{low:.3f}-{high:.3f}"
        table.add_row(metric.title, f"{value:.4f}", interval, metric.meaning)
    say(f"{folder}: {len(images)} maps against {truth}")
    console.print(table)


def show_comparison(truth: Path, stores: Mapping[str, Sequence["ImageScores"]]) -> None:
    """Print the scores of several stores side by side, the best of each row marked.

    Intervals are left out where they would make the table wider than the screen.
    """
    count = len(next(iter(stores.values())))
    say(f"{count} maps of each of {len(stores)} stores against {truth}")
    rows = _rows(stores)
    table = _table(stores, rows, with_intervals=True)
    fits = _width(table) <= console.width
    if not fits:
        table = _table(stores, rows, with_intervals=False)
    if _width(table) <= console.width:
        console.print(table)
    else:  # let the screen wrap it; cut columns would be lost
        rich.console.Console(width=_width(table)).print(table)
    say(BEST)
    say(f"{INTERVALS} {MAE}" if fits else MAE)


class _Cell(NamedTuple):
    score: str
    interval: str


def _rows(stores: Mapping[str, Sequence["ImageScores"]]) -> dict[str, list[_Cell]]:
    """Write the cells of each metric, one for each store."""
    from dilo.saliency.scoring import (
        METRICS,
        intervals,
        resample,
        significantly_different,
        summarise,
    )

    scores = [summarise(images) for images in stores.values()]
    resampled = [resample(images) for images in stores.values()]
    limits = [intervals(values) for values in resampled]
    rows: dict[str, list[_Cell]] = {}
    for metric in METRICS:
        values = [score[metric.name] for score in scores]
        best = max(values) if metric.larger_is_better else min(values)
        winner = resampled[values.index(best)]
        rows[metric.title] = []
        for value, sample, limit in zip(values, resampled, limits, strict=True):
            differs = significantly_different(winner, sample)[metric.name]
            mark = "* " if value == best else "" if differs else "= "
            low, high = limit[metric.name]
            cell = _Cell(f"{mark}{value:.4f}", f"{low:.3f}-{high:.3f}")
            rows[metric.title].append(cell)
    return rows


def _table(
    names: Iterable[str], rows: Mapping[str, Sequence[_Cell]], *, with_intervals: bool
) -> rich.table.Table:
    table = rich.table.Table(
        box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    table.add_column("", no_wrap=True)
    for name in names:
        starts = range(0, len(name), _COLUMN)
        folded = "\n".join(name[start : start + _COLUMN] for start in starts)
        table.add_column(rich.text.Text(folded), justify="right", no_wrap=True)
    for title, cells in rows.items():
        table.add_row(title, *(_text(cell, with_intervals) for cell in cells))
    return table


def _width(table: rich.table.Table) -> int:
    """Measure a table as it would be on a screen of any width."""
    endless = console.options.update(max_width=10_000)
    return console.measure(table, options=endless).maximum


def _text(cell: _Cell, with_interval: bool) -> rich.text.Text:
    text = rich.text.Text(cell.score, "bold green" if "*" in cell.score else "")
    return text.append(f"\n{cell.interval}", "dim") if with_interval else text


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """Name folders by as many of their last parts as it takes to tell them apart."""
    parts = [folder.parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = [Path(*part[-length:]).as_posix() for part in parts]
        if len(set(names)) == len(names):
            return names
    return [folder.as_posix() for folder in folders]
