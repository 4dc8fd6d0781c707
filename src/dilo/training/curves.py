"""The curves of a run as a picture: curves.png, drawn from metrics.jsonl."""

import importlib.util
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dilo import charts
from dilo.charts import BLUE, GREEN, ORANGE
from dilo.files import write_atomic
from dilo.runs import Run

FILE_NAME = "curves.png"
SECONDS_BETWEEN = 20.0
COST = 0.01  # of the time at most: drawing takes half a second
MAX_POINTS = 2000  # of a curve; the picture is 1,200 pixels wide

Metrics = Sequence[dict[str, Any]]


class Curves:
    """Keep the picture of a run's curves up to date, without costing much time."""

    def __init__(self, run: Run) -> None:
        """Draw the curves of `run`."""
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


def draw_curves(metrics: Metrics) -> bytes:
    """Draw the lines of a metrics.jsonl as a PNG file.

    Panels of which the lines say nothing are left out.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    panels = {
        name: panel
        for name, panel in _PANELS.items()
        if any(name in line for line in metrics)
    }
    columns = 2 if len(panels) < 5 else 3
    rows = max(1, -(-len(panels) // columns))

    def paint(figure: Any) -> None:
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True).flat
        for axes, panel in itertools.zip_longest(grid, panels.values()):
            if panel is None:
                axes.set_axis_off()
                continue
            axes.grid(visible=True)
            panel(axes, metrics)
            axes.set_xlim(left=0)
            axes.margins(y=0.08)
        figure.supxlabel("epoch", fontsize=8)

    return charts.draw(paint, (8, 2.4 * rows), "png", dpi=150)


def _draw_loss(axes: Any, metrics: Metrics) -> None:
    axes.plot(*_curve(metrics, "loss"), color=BLUE, label="loss")
    epochs, chance = _curve(metrics, "chance")
    if len(chance):
        axes.plot(epochs, chance, color="0.55", linestyle="--", label="chance")
        axes.legend(loc="best")
    axes.set_title("loss")


def _draw_knn(axes: Any, metrics: Metrics) -> None:
    epochs, accuracy = _curve(metrics, "knn")
    axes.plot(epochs, 100 * accuracy, "o-", color=BLUE)
    axes.set_title(f"kNN, top-1 in %   (now {100 * accuracy[-1]:.1f})")


def _draw_geometry(axes: Any, metrics: Metrics) -> None:
    axes.plot(*_curve(metrics, "alignment"), "o-", color=BLUE, label="alignment")
    axes.plot(*_curve(metrics, "uniformity"), "o-", color=ORANGE, label="uniformity")
    axes.legend(loc="best")
    axes.set_title("features of two views (lower is better)")


def _draw_rank(axes: Any, metrics: Metrics) -> None:
    axes.plot(*_curve(metrics, "effective_rank"), "o-", color=GREEN)
    axes.set_ylim(bottom=0)
    axes.set_title("effective rank of the features")


def _draw_rate(axes: Any, metrics: Metrics) -> None:
    axes.plot(*_curve(metrics, "lr"), color=BLUE, drawstyle="steps-mid")
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", scilimits=(-2, 3))
    axes.set_title("learning rate")


def _draw_speed(axes: Any, metrics: Metrics) -> None:
    axes.plot(*_curve(metrics, "images_per_second"), color=BLUE, label="images/s")
    axes.set_ylim(bottom=0)
    axes.set_title("images per second")
    epochs, waiting = _curve(metrics, "waiting")
    if len(waiting):
        other = axes.twinx()
        other.fill_between(epochs, 100 * waiting, color=ORANGE, alpha=0.25, linewidth=0)
        other.set(ylim=(0, 100))
        other.grid(visible=False)
        other.set_ylabel("% of time waiting for images", color=ORANGE, fontsize=7)


# By the measurement that a panel needs.
_PANELS: dict[str, Callable[[Any, Metrics], None]] = {
    "loss": _draw_loss,
    "knn": _draw_knn,
    "alignment": _draw_geometry,
    "effective_rank": _draw_rank,
    "lr": _draw_rate,
    "images_per_second": _draw_speed,
}


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
