"""Precision-recall and F-measure curves of mask stores, as papers print them."""

import importlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.files import write_atomic
from dilo.saliency.scoring import BETA_SQUARED, ImageScores, f_measure

KINDS = (".png", ".pdf", ".svg")

# Told apart by readers who do not see all colours (Okabe and Ito), and in black and
# white by the dashes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
LEGEND_COLUMNS = 3

_LOOK: dict[Any, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "svg.hashsalt": "dilo",  # else drawn by chance
}

# The same drawing is the same file: no time of day in it.
_DATES = {"pdf": "CreationDate", "svg": "Date"}


class _Curves(NamedTuple):
    precision: NDArray[np.float64]  # (256,), means over images
    recall: NDArray[np.float64]
    f_curve: NDArray[np.float64]


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
    import matplotlib as mpl
    from matplotlib.figure import Figure

    curves = {name: _mean_curves(images) for name, images in stores.items()}
    content = io.BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    with mpl.rc_context(_LOOK):
        rows = -(-len(curves) // LEGEND_COLUMNS)
        figure = Figure(figsize=(6.8, 3.1 + 0.14 * rows), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_f_measure(right, curves)
        _add_legend(figure, right.lines[::2], curves)  # between them are the dots
        _draw_precision_recall(left, curves)
        metadata = {_DATES[kind]: None} if kind in _DATES else {}
        figure.savefig(content, format=kind, dpi=300, metadata=metadata)
    write_atomic(path, content.getvalue())


def _draw_precision_recall(axes: Any, curves: Mapping[str, _Curves]) -> None:
    for number, curve in enumerate(curves.values()):
        best = int(f_measure(curve.precision, curve.recall).argmax())
        _draw(axes, number, curve.recall, curve.precision, best)
    _draw_levels_of_f(axes)
    axes.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1.01), ylim=(0, 1.01))


def _draw_f_measure(axes: Any, curves: Mapping[str, _Curves]) -> None:
    thresholds = np.arange(256, dtype=np.float64)
    for number, curve in enumerate(curves.values()):
        _draw(axes, number, thresholds, curve.f_curve, int(curve.f_curve.argmax()))
    axes.set(xlabel="Threshold", ylabel="F-measure", xlim=(0, 255), ylim=(0, 1.01))
    axes.set_xticks([0, 51, 102, 153, 204, 255])


def _add_legend(
    figure: Any, lines: Sequence[Any], curves: Mapping[str, _Curves]
) -> None:
    """Name the curves below both panels, with the height of their dots as F."""
    labels = [
        f"{name}  {f_measure(curve.precision, curve.recall).max():.3f} / "
        f"{curve.f_curve.max():.3f}"
        for name, curve in curves.items()
    ]
    figure.legend(
        lines,
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
    colour = COLOURS[number % len(COLOURS)]
    dash = DASHES[number % len(DASHES)]
    axes.plot(x, y, color=colour, linestyle=dash, linewidth=1.3)
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


def _mean_curves(images: Sequence[ImageScores]) -> _Curves:
    means = (
        np.mean([getattr(image, name) for image in images], axis=0)
        for name in _Curves._fields
    )
    return _Curves(*means)
