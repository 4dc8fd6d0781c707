"""The scores of many maps: averages as papers print them, and how sure they are."""

import csv
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.saliency.scoring.metrics import ImageScores, f_measure

RESAMPLES = 1000
CONFIDENCE = 0.95

# Resampled in blocks of at most this many draws, that 100,000 images fit in memory.
_DRAWS = 5_000_000


# A name that begins so would be run as a formula by spreadsheets.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

CSV_COLUMNS: dict[str, Callable[[ImageScores], float]] = {
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


class Metric(NamedTuple):
    """A score of many maps, and what a reader needs to know of it."""

    name: str
    title: str
    meaning: str
    larger_is_better: bool = True


METRICS: tuple[Metric, ...] = (
    Metric("max_f_of_average", "maxF", "precision, recall averaged first"),
    Metric("max_f_of_curve", "maxF (curve)", "best value of the mean F curve"),
    Metric("mean_f", "mean F", "mean of that curve"),
    Metric("adaptive_f", "adaptive F", "at twice the mean of each map"),
    Metric("weighted_f", "weighted F", "Margolin's, without a threshold"),
    Metric("mae", "MAE", "mean absolute error; smaller is better", False),
    Metric("s_measure", "S-measure", "structure"),
    Metric("max_e", "max E", "alignment, best of the mean curve"),
    Metric("mean_e", "mean E", "mean of that curve"),
    Metric("adaptive_e", "adaptive E", "at twice the mean of each map"),
)


def summarise(images: Sequence[ImageScores]) -> dict[str, float]:
    """Average over images: metric -> score.

    The two kinds of maxF are both in use and differ by 0.03 to 0.08: Borji et al.
    (TIP 2015) and most tables before 2019 print `max_f_of_average`, the toolboxes of
    later papers `max_f_of_curve`.

    Raises:
        InputError: there are no images.
    """
    means = _stack(images).mean(axis=0, dtype=np.float64)
    names = (metric.name for metric in METRICS)
    return dict(zip(names, _from_means(means[None])[0].tolist(), strict=True))


def resample(
    images: Sequence[ImageScores], resamples: int = RESAMPLES, seed: int = 0
) -> NDArray[np.float64]:
    """Score data sets of the same size drawn from the images with replacement.

    Row k draws the same places of any list of equally many images: two stores scored
    on the same images can be compared row by row.

    Returns:
        (resamples, metrics) in the order of `METRICS`.

    Raises:
        InputError: there are no images.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of
        Statistics 1979.
    """
    values = _stack(images)
    count = len(values)
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWS // count)
    blocks: list[NDArray[np.float64]] = []
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        draws = rng.integers(0, count, (size, count))
        draws += np.arange(size)[:, None] * count
        times = np.bincount(draws.ravel(), minlength=size * count)
        weights = times.reshape(size, count).astype(np.float32) / np.float32(count)
        blocks.append(_from_means((weights @ values).astype(np.float64)))
    return np.concatenate(blocks)


def intervals(resampled: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    """Give the percentile interval of each metric from what `resample` returned.

    19 of 20 such intervals hold the score of the population the images come from.
    """
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(resampled, [tail, 100 - tail], axis=0)
    bounds = zip(METRICS, low.tolist(), high.tolist(), strict=True)
    return {metric.name: (least, most) for metric, least, most in bounds}


def significantly_different(
    resampled: NDArray[np.float64], other: NDArray[np.float64]
) -> dict[str, bool]:
    """Say for each metric whether two stores differ, and not by these images only.

    They differ if the percentile interval of the difference does not hold 0. Images
    that are hard are so for both: the difference is surer than the intervals of the
    two suggest.

    Args:
        resampled: what `resample` returned for one store.
        other: the same for another store, of the same images in the same order.
    """
    limits = intervals(resampled - other)
    return {name: low > 0 or high < 0 for name, (low, high) in limits.items()}


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
    writer.writerow(("masks", "name", *CSV_COLUMNS))
    for store, images in stores.items():
        for name, scores in zip(names, images, strict=True):
            numbers = (f"{value(scores):.6f}" for value in CSV_COLUMNS.values())
            writer.writerow((_no_formula(store), _no_formula(name), *numbers))
    return text.getvalue()


def _stack(images: Sequence[ImageScores]) -> NDArray[np.float32]:
    """Put every value of an image into one row, (N, 4 * 256 + 5)."""
    if not images:
        raise InputError("there are no maps to score")
    fields = [field.name for field in dataclasses.fields(ImageScores)]
    rows = [
        np.hstack([getattr(image, name) for name in fields]).astype(np.float32)
        for image in images
    ]
    return np.stack(rows)


def _from_means(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn means over images, (R, 4 * 256 + 5), into metrics, (R, metrics)."""
    precision, recall, f_curve, e_curve, singles = np.split(
        means, np.arange(1, 5) * 256, axis=1
    )
    adaptive_f, mae, structure, adaptive_e, weighted_f = singles.T
    columns = {
        "max_f_of_average": f_measure(precision, recall).max(axis=1),
        "max_f_of_curve": f_curve.max(axis=1),
        "mean_f": f_curve.mean(axis=1),
        "adaptive_f": adaptive_f,
        "weighted_f": weighted_f,
        "mae": mae,
        "s_measure": structure,
        "max_e": e_curve.max(axis=1),
        "mean_e": e_curve.mean(axis=1),
        "adaptive_e": adaptive_e,
    }
    return np.stack([columns[metric.name] for metric in METRICS], axis=1)


def _no_formula(name: str) -> str:
    return f"./{name}" if name.startswith(_FORMULA_STARTS) else name
