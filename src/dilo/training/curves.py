"""The curves of a run as a picture: curves.png, drawn from metrics.jsonl."""

import importlib.util
import io
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dilo.files import write_atomic
from dilo.runs import Run

FILE_NAME = "curves.png"
SECONDS_BETWEEN = 20.0
COST = 0.01  # of the time at most: drawing takes half a second
MAX_POINTS = 2000  # of a curve; the picture is 1,200 pixels wide

# Okabe and Ito's: told apart by readers who do not see all colours.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "0.55"

_LOOK: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.92",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 3,
}

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
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = [
        (draw, needed)
        for draw, needed in (
            (_draw_loss, "loss"),
            (_draw_knn, "knn"),
            (_draw_geometry, "alignment"),
            (_draw_rank, "effective_rank"),
            (_draw_rate, "lr"),
            (_draw_speed, "images_per_second"),
        )
        if any(needed in line for line in metrics)
    ]
    content = io.BytesIO()
    columns = 2 if len(panels) < 5 else 3
    rows = max(1, -(-len(panels) // columns))
    with mpl.rc_context(_LOOK):
        figure = Figure(figsize=(8, 2.4 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True).flat
        for axes, (draw, _) in zip(grid, panels, strict=False):
            draw(axes, metrics)
            axes.set_xlim(left=0)
            axes.margins(y=0.08)
        for axes in list(grid)[len(panels) :]:
            axes.set_axis_off()
        figure.supxlabel("epoch", fontsize=8)
        figure.savefig(content, format="png", dpi=150, metadata={"Software": None})
    return content.getvalue()


def _draw_loss(axes: Any, metrics: Metrics) -> None:
    axes.plot(*_curve(metrics, "loss"), color=BLUE, label="loss")
    epochs, chance = _curve(metrics, "chance")
    if len(chance):
        axes.plot(epochs, chance, color=GREY, linestyle="--", label="chance")
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


def _curve(
    metrics: Metrics, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the epochs (n,) and the values (n,) of the lines that tell `name`."""
    lines = [line for line in metrics if name in line]
    kept = lines[:: max(1, len(lines) // MAX_POINTS)]
    if lines and kept[-1] is not lines[-1]:
        kept.append(lines[-1])
    epochs = np.array([line["epoch"] for line in kept], np.float64)
    return epochs, np.array([line[name] for line in kept], np.float64)
