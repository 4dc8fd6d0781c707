"""The command score."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from dilo.cli.output import say
from dilo.cli.score_table import distinct_names, show_comparison, show_store
from dilo.errors import InputError

if TYPE_CHECKING:
    from dilo.masks import MaskStore

Folders = Annotated[
    tuple[Path, ...],
    tyro.conf.arg(metavar="MASKS [MASKS ...] TRUTH", help_behavior_hint="(required)"),
]
File = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]


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
        show_store(stores[0].folder, truth.folder, comparison.values[0])
    else:
        show_comparison(truth.folder, scores)
    if comparison.summary():
        say(comparison.summary())
    if csv is not None:
        text = per_image_csv(comparison.names, scores)
        write_atomic(csv, text.encode(errors="backslashreplace"))
        say(str(csv))
    if plot is not None:
        plot_scores(scores, plot)
        say(str(plot))


def _open(folders: tuple[Path, ...]) -> tuple[list["MaskStore"], "MaskStore"]:
    """Open the stores and the truth.

    Raises:
        InputError: there are less than two folders, or one is given twice.
        StoreError: one holds no masks.
    """
    from dilo.masks import MaskStore

    if len(folders) < 2:
        missing = "TRUTH" if folders else "MASKS, TRUTH"
        raise InputError(
            f"Missing from dilo score: {missing} (see `dilo score --help`)"
        )
    *masks, truth = folders
    twice = [str(folder) for folder in masks if masks.count(folder) > 1]
    if twice:
        raise InputError(f"{twice[0]}: given twice; each store is one column")
    return [MaskStore.open(folder) for folder in masks], MaskStore.open(truth)
