"""The scores of every image as a table for other programs."""

import csv
import io
from collections.abc import Mapping, Sequence

from dilo.saliency.scoring.image_scores import ImageScores

# A name that begins so would be run as a formula by spreadsheets.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

COLUMNS = (
    "mae",
    "max_f",
    "mean_f",
    "adaptive_f",
    "weighted_f",
    "s_measure",
    "max_e",
    "mean_e",
    "adaptive_e",
)


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
            values = _values(scores)
            numbers = (f"{values[column]:.6f}" for column in COLUMNS)
            writer.writerow((_no_formula(store), _no_formula(name), *numbers))
    return text.getvalue()


def _values(scores: ImageScores) -> dict[str, float]:
    return {
        "mae": scores.mae,
        "max_f": float(scores.f_curve.max()),
        "mean_f": float(scores.f_curve.mean()),
        "adaptive_f": scores.adaptive_f,
        "weighted_f": scores.weighted_f,
        "s_measure": scores.s_measure,
        "max_e": float(scores.e_curve.max()),
        "mean_e": float(scores.e_curve.mean()),
        "adaptive_e": scores.adaptive_e,
    }


def _no_formula(name: str) -> str:
    return f"./{name}" if name.startswith(_FORMULA_STARTS) else name
