"""The command score: maps against the truth, of one store or of several."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import rich.box
import rich.console
import rich.table
import rich.text
import tyro

from dilo.cli.output import console, say, show_table
from dilo.errors import InputError

if TYPE_CHECKING:
    from dilo.masks import MaskStore
    from dilo.saliency.scoring import ImageScores

Folders = Annotated[
    tuple[Path, ...],
    tyro.conf.arg(metavar="MASKS [MASKS ...] TRUTH", help_behavior_hint="(required)"),
]
File = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]

Cell = tuple[str, str]  # a score and its interval

BEST = (
    "* best; = not told apart from the best by these images (95 %, paired bootstrap)."
)
INTERVALS = "Below each score its 95 % interval over images."
MAE = "Of MAE smaller is better."

_COLUMN = 11  # characters: the width of an interval


def score(
    folders: Folders,
    /,
    csv: File = None,
    plot: File = None,
    workers: int | None = None,
) -> None:
    """Compare maps with ground-truth masks by the field's usual numbers.

    Files belong together when their names agree up to the suffix: the map of a/b.jpg
    with the truth a/b.png. Several stores are compared side by side on the images that
    all of them have. Each number comes with the interval that holds it, in 19 of 20
    cases, had other images of the same kind been taken.

    Examples:
        dilo score masks ECSSD/masks
        dilo score gs mc rbd ECSSD/masks --csv scores.csv --plot curves.png

    Args:
        folders: mask stores, or any folders of grey maps; the last is the folder of
            true masks, where brighter than 128 of 255 is foreground.
        csv: file for the scores of every image.
        plot: file for the precision-recall and F-measure curves: .png, .pdf or .svg.
        workers: threads; one for each CPU core by default.
    """
    from dilo.files import write_atomic
    from dilo.masks import compare_with_truth
    from dilo.report.score_plot import check_plot, plot_scores
    from dilo.saliency.scoring import per_image_csv, score_image

    if plot is not None:
        check_plot(plot)
    for file in (csv, plot):
        if file is not None and file.is_dir():
            raise InputError(f"{file}: is a folder; give the name of a file")
    stores, truth = _open(folders)
    comparison = compare_with_truth(stores, truth, score_image, workers)
    names = distinct_names([store.folder for store in stores])
    scores = dict(zip(names, comparison.values, strict=True))
    if len(scores) == 1:
        _show_store(stores[0].folder, truth.folder, comparison.values[0])
    else:
        _show_comparison(truth.folder, scores)
    if comparison.summary():
        say(comparison.summary())
    if csv is not None:
        text = per_image_csv(comparison.names, scores)
        write_atomic(csv, text.encode(errors="backslashreplace"))
        say(str(csv))
    if plot is not None:
        plot_scores(scores, plot)
        say(str(plot))


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """Name folders by as many of their last parts as it takes to tell them apart."""
    parts = [folder.parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = [Path(*part[-length:]).as_posix() for part in parts]
        if len(set(names)) == len(names):
            return names
    return [folder.as_posix() for folder in folders]


def _open(folders: tuple[Path, ...]) -> tuple[list["MaskStore"], "MaskStore"]:
    """Open the stores and the truth, if each is given once."""
    from dilo.masks import MaskStore

    if len(folders) < 2:
        missing = "TRUTH" if folders else "MASKS, TRUTH"
        raise InputError(f"missing: {missing} (see `dilo score --help`)")
    *masks, truth = folders
    twice = [str(folder) for folder in masks if masks.count(folder) > 1]
    if twice:
        raise InputError(f"{twice[0]}: given twice; each store is one column")
    return [MaskStore.open(folder) for folder in masks], MaskStore.open(truth)


def _show_store(folder: Path, truth: Path, images: Sequence["ImageScores"]) -> None:
    """Print the scores of one store with their intervals and meanings."""
    from dilo.saliency.scoring import METRICS, intervals, resample, summarise

    scores = summarise(images)
    limits = intervals(resample(images))
    rows = [
        (
            metric.title,
            f"{scores[metric.name]:.4f}",
            _interval(limits[metric.name]),
            metric.meaning,
        )
        for metric in METRICS
    ]
    title = f"{folder}: {len(images)} maps against {truth}"
    show_table(title, ["score", "value", "95 %", ""], rows)


def _show_comparison(
    truth: Path, stores: Mapping[str, Sequence["ImageScores"]]
) -> None:
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
    # Where it is too wide even so, the screen wraps it; cut columns would be lost.
    rich.console.Console(width=max(_width(table), console.width)).print(table)
    say(BEST)
    say(f"{INTERVALS} {MAE}" if fits else MAE)


def _rows(stores: Mapping[str, Sequence["ImageScores"]]) -> dict[str, list[Cell]]:
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
    rows: dict[str, list[Cell]] = {}
    for metric in METRICS:
        values = [score[metric.name] for score in scores]
        best = max(values) if metric.larger_is_better else min(values)
        winner = resampled[values.index(best)]
        rows[metric.title] = []
        for value, sample, limit in zip(values, resampled, limits, strict=True):
            differs = significantly_different(winner, sample)[metric.name]
            mark = "* " if value == best else "" if differs else "= "
            cell = f"{mark}{value:.4f}", _interval(limit[metric.name])
            rows[metric.title].append(cell)
    return rows


def _interval(limits: tuple[float, float]) -> str:
    return f"{limits[0]:.3f}-{limits[1]:.3f}"


def _table(
    stores: Iterable[str], rows: Mapping[str, Sequence[Cell]], *, with_intervals: bool
) -> rich.table.Table:
    table = rich.table.Table(
        box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    table.add_column("", no_wrap=True)
    for name in stores:
        starts = range(0, len(name), _COLUMN)
        folded = "\n".join(name[start : start + _COLUMN] for start in starts)
        table.add_column(rich.text.Text(folded), justify="right", no_wrap=True)
    for title, cells in rows.items():
        texts = [rich.text.Text(x, "bold green" if "*" in x else "") for x, _ in cells]
        if with_intervals:
            for text, (_, interval) in zip(texts, cells, strict=True):
                text.append(f"\n{interval}", "dim")
        table.add_row(title, *texts)
    return table


def _width(table: rich.table.Table) -> int:
    """Measure a table as it would be on a screen of any width."""
    endless = console.options.update(max_width=10_000)
    return console.measure(table, options=endless).maximum
