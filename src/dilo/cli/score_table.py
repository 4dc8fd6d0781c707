"""The tables of the command score."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich.box
import rich.table
import rich.text

from dilo.cli.output import console, say

if TYPE_CHECKING:
    from dilo.saliency.scoring import ImageScores, Metric

LEGEND = (
    "* best; = not told apart from the best by these images (95 %, paired bootstrap).\n"
    "Below each score its 95 % interval over images. Of MAE smaller is better."
)


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
        value = getattr(scores, metric.name)
        low, high = limits[metric.name]
        interval = f"{low:.3f}-{high:.3f}"
        table.add_row(metric.title, f"{value:.4f}", interval, metric.meaning)
    say(f"{folder}: {scores.count} maps against {truth}")
    console.print(table)


def show_comparison(truth: Path, stores: Mapping[str, Sequence["ImageScores"]]) -> None:
    """Print the scores of several stores side by side, the best of each row marked."""
    from dilo.saliency.scoring import (
        METRICS,
        intervals,
        resample,
        summarise,
        told_apart,
    )

    scores = {name: summarise(images) for name, images in stores.items()}
    resampled = {name: resample(images) for name, images in stores.items()}
    limits = {name: intervals(values) for name, values in resampled.items()}
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("")
    for name in stores:
        table.add_column(name, justify="right", overflow="fold")
    for metric in METRICS:
        values = {name: getattr(scores[name], metric.name) for name in stores}
        best = _best(values, metric)
        cells = []
        for name, value in values.items():
            apart = told_apart(resampled[best], resampled[name])[metric.name]
            mark = "*" if value == values[best] else " " if apart else "="
            low, high = limits[name][metric.name]
            cells.append(_cell(value, mark, f"{low:.3f}-{high:.3f}"))
        table.add_row(metric.title, *cells)
    count = next(iter(scores.values())).count
    say(f"{count} maps of each of {len(stores)} stores against {truth}")
    # A table wider than the screen is wrapped by it; cut columns would be lost.
    console.print(table, width=max(console.width, console.measure(table).minimum))
    say(LEGEND)


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """Name folders by as many of their last parts as it takes to tell them apart."""
    parts = [folder.parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = [Path(*part[-length:]).as_posix() for part in parts]
        if len(set(names)) == len(names):
            return names
    return [folder.as_posix() for folder in folders]


def _best(values: Mapping[str, float], metric: "Metric") -> str:
    choose = max if metric.larger_is_better else min
    return choose(values, key=lambda name: values[name])


def _cell(value: float, mark: str, interval: str) -> rich.text.Text:
    style = "bold green" if mark == "*" else ""
    return rich.text.Text.assemble(
        (f"{mark} {value:.4f}".strip(), style), "\n", (interval, "dim")
    )
