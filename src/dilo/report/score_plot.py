"""Precision-recall and F-measure curves of mask stores, as papers print them."""

import functools
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dilo import charts
from dilo.errors import InputError
from dilo.files import write_atomic
from dilo.saliency.scoring import BETA_SQUARED, ImageScores, f_measure

KINDS = (".png", ".pdf", ".svg")

DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))  # for black and white
LEGEND_COLUMNS = 3


Curves = NDArray[np.float64]  # (3, 256): precision, recall, F; means over images


def check_plot(path: Path) -> None:
    """Check that a plot can be drawn, before what it shows is computed.

    Raises:
        InputError: the suffix of `path` is none of `KINDS`.
        ModuleNotFoundError: matplotlib is not installed.
    """
    if path.suffix.lower() not in KINDS:
        raise InputError(f"{path}: a plot is one of {', '.join(KINDS)}")
    importlib.import_module("matplotlib")  # of the extra `plot`


def plot_scores(stores: Mapping[str, Sequence[ImageScores]], path: Path) -> None:
    """Draw precision against recall, and F-measure against threshold.

    A dot marks the best F-measure: on the left of precision and recall averaged over
    images, on the right of the F curve averaged over images; the legend gives both.

    Args:
        stores: for each store by its name the scores of its images.
        path: the file to write: .png, .pdf or .svg.

    Raises:
        InputError: the suffix of `path` is none of these.
        ModuleNotFoundError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    check_plot(path)
    curves = {
        name: np.mean([(i.precision, i.recall, i.f_curve) for i in images], axis=0)
        for name, images in stores.items()
    }
    rows = -(-len(curves) // LEGEND_COLUMNS)
    paint = functools.partial(_paint, curves=curves)
    kind = path.suffix.lower().removeprefix(".")
    write_atomic(path, charts.draw(paint, (6.8, 3.1 + 0.14 * rows), kind))


def _paint(figure: Any, curves: Mapping[str, Curves]) -> None:
    left, right = figure.subplots(1, 2)
    thresholds = np.arange(256, dtype=np.float64)
    labels = []
    for number, (name, (precision, recall, f_curve)) in enumerate(curves.items()):
        f = f_measure(precision, recall)
        _draw(left, number, recall, precision, int(f.argmax()))
        _draw(right, number, thresholds, f_curve, int(f_curve.argmax()))
        labels.append(f"{name}  {f.max():.3f} / {f_curve.max():.3f}")
    _draw_levels_of_f(left)
    left.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1.01), ylim=(0, 1.01))
    right.set(xlabel="Threshold", ylabel="F-measure", xlim=(0, 255), ylim=(0, 1.01))
    right.set_xticks([0, 51, 102, 153, 204, 255])
    figure.legend(
        right.lines[::2],  # between them are the dots
        labels,
        loc="outside lower center",
        ncols=LEGEND_COLUMNS,
        title="maxF / maxF (curve)",
        title_fontsize=7,
    )


def _draw(
    axes: Any,
    number: int,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    best: int,
) -> None:
    """Draw one curve with a dot at its index `best`."""
    colour = charts.COLOURS[number % len(charts.COLOURS)]
    dash = DASHES[number % len(DASHES)]
    axes.plot(x, y, color=colour, linestyle=dash)
    axes.plot(x[best], y[best], "o", color=colour, markersize=3.5, zorder=3)


def _draw_levels_of_f(axes: Any) -> None:
    """Draw thin lines of equal F-measure, which show what a curve is worth."""
    recall = np.linspace(0.005, 1, 400)
    for level in np.arange(2, 10) / 10:
        # F = (1 + b) P R / (b P + R), solved for P
        free = (1 + BETA_SQUARED) * recall - level * BETA_SQUARED
        precision = np.where(free > 0, level * recall / np.where(free > 0, free, 1), 2)
        axes.plot(recall, precision, color="0.88", linewidth=0.5, zorder=0)
        axes.text(
            1.02, precision[-1], f"{level:.1f}", color="0.6", fontsize=6, va="center"
        )
    axes.text(1.02, 1.0, "F", color="0.6", fontsize=6, va="center")
