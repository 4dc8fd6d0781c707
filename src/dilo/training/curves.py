"""The curves of a run as a picture: curves.png, drawn from metrics.jsonl."""

import importlib.util
import itertools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dilo import charts
from dilo.charts import COLOURS
from dilo.files import write_atomic
from dilo.runs import Run

FILE_NAME = "curves.png"
SECONDS_BETWEEN = 20.0
COST = 0.01  # of the time at most: drawing takes half a second
MAX_POINTS = 2000  # of a curve; the picture is 1,200 pixels wide
MARKED = 60  # points; of more, single ones are not seen

Metrics = Sequence[dict[str, Any]]


class Curves:
    """Keep the picture of a run's curves up to date, without costing much time."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._drawn = time.monotonic()  # a short training is drawn at its end alone
        self._seconds = 0.0  # that the last picture took

    def redraw(self, *, at_once: bool = False) -> None:
        """Draw what has been logged, unless that was done a moment ago.

        Without matplotlib, of the extra `train`, there is no picture; where it cannot
        be written, the last one stays. Neither is worth ending a training for.
        """
        start = time.monotonic()
        pause = max(SECONDS_BETWEEN, self._seconds / COST)
        recent = start - self._drawn < pause
        if (recent and not at_once) or importlib.util.find_spec("matplotlib") is None:
            return
        try:
            write_atomic(self.run.folder / FILE_NAME, draw_curves(self.run.metrics))
        except (OSError, ImportError):  # a full disk, a broken library
            return
        self._drawn = time.monotonic()
        self._seconds = self._drawn - start


# What stands beside another number in its panel, and what has no curve.
_BESIDE = {"chance_level": "loss", "uniformity": "alignment"}
_WITHOUT = ("step", "epoch", "seconds", "spread")
_TITLES = {
    "alignment": "features of two views (lower is better)",
    "effective_rank": "effective rank of the features",
    "images_per_second": "images per second",
    "knn": "kNN accuracy",
    "lr": "learning rate",
    "waiting": "share of the time waiting for images",
}


def draw_curves(metrics: Metrics) -> bytes:
    """Draw the lines of a metrics.jsonl as a PNG file: a panel for each number.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    panels: dict[str, list[str]] = {"loss": []}
    for name in dict.fromkeys(name for line in metrics for name in line):
        if name not in _WITHOUT:
            panels.setdefault(_BESIDE.get(name, name), []).append(name)
    columns = 2 if len(panels) < 5 else 3
    rows = -(-len(panels) // columns)

    def paint(figure: Any) -> None:
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True).flat
        for axes, panel in itertools.zip_longest(grid, panels):
            if panel is None:
                axes.set_axis_off()
            else:
                _draw_panel(axes, metrics, panels[panel])
                axes.set_title(_TITLES.get(panel, panel.replace("_", " ")))
        figure.supxlabel("epoch", fontsize=8)

    return charts.draw(paint, (8, 2.4 * rows), "png", dpi=150)


def _draw_panel(axes: Any, metrics: Metrics, names: Sequence[str]) -> None:
    lowest = 0.0
    for name, colour in zip(names, COLOURS, strict=False):
        epochs, values = _curve(metrics, name)
        marker = "o" if len(epochs) < MARKED else None
        dashes = "--" if name == "chance_level" else "-"
        label = name.replace("_", " ")
        axes.plot(epochs, values, dashes, color=colour, marker=marker, label=label)
        lowest = min(lowest, values.min())
    axes.grid(visible=True)
    axes.margins(y=0.08)
    axes.set_xlim(left=0)
    if lowest == 0 and "loss" not in names:
        axes.set_ylim(bottom=0)
    if len(names) > 1:
        axes.legend(loc="best")


def _curve(
    metrics: Metrics, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the epochs (n,) and the values (n,) of the lines that have `name`."""
    lines = [line for line in metrics if name in line]
    kept = lines[:: max(1, len(lines) // MAX_POINTS)]
    if lines and kept[-1] is not lines[-1]:
        kept.append(lines[-1])
    epochs = np.array([line["epoch"] for line in kept], np.float64)
    return epochs, np.array([line[name] for line in kept], np.float64)
