"""The scores of every image as a table for other programs."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from dilo.saliency.scoring.image_scores import ImageScores

# A name that begins so would be run as a formula by spreadsheets.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

COLUMNS: dict[str, Callable[[ImageScores], float]] = {
    "mae": lambda scores: scores.mae,
    "max_f": lambda scores: scores.f_curve.max(),
    "mean_f": lambda scores: scores.f_curve.mean(),
    "adaptive_f": lambda scores: scores.adaptive_f,
    "weighted_f": lambda scores: scores.weighted_f,
    "s_measure": lambda scores: scores.s_measure,
    "max_e": lambda scores: scores.e_curve.max(),
    "mean_e": lambda scores: scores.e_curve.mean(),
    "adaptive_e": lambda scores: scores.adaptive_e,
}


def per_image_csv(
    names: Sequence[str], stores: Mapping[str, Sequence[ImageScores]]
) -> str:
    """Write one line for each store and image, with every metric of the image alone.

    `max_f` and `max_e` are those of the best threshold of the image itself, so that
    their means are higher than the scores of a store, which has one threshold for all.
    A name that a spreadsheet would take for a formula is written as `./name`.

    Args:
        names: of the images.
        stores: for each store by its name the scores of these images.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("masks", "name", *COLUMNS))
    for store, images in stores.items():
        for name, scores in zip(names, images, strict=True):
            numbers = (f"{value(scores):.6f}" for value in COLUMNS.values())
            writer.writerow((_no_formula(store), _no_formula(name), *numbers))
    return text.getvalue()


def _no_formula(name: str) -> str:
    return f"./{name}" if name.startswith(_FORMULA_STARTS) else name
