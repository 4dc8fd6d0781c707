"""The scores of many maps against their ground truth, as papers print them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dilo.errors import InputError
from dilo.image import Map
from dilo.saliency.metrics import (
    Mask,
    adaptive_f_measure,
    f_measure,
    mean_absolute_error,
    precision_recall,
    s_measure,
)


@dataclass(frozen=True)
class Scores:
    """Averages over images; all but `mae` are better when larger."""

    count: int  # images scored
    max_f_of_average: float  # best F of precision and recall averaged over images
    max_f_of_curve: float  # best value of the F curve averaged over images
    mean_f: float  # mean of that curve over the 256 thresholds
    adaptive_f: float  # threshold: twice the map's mean
    mae: float
    s_measure: float


def score_maps(pairs: Iterable[tuple[str, Map, Mask]]) -> Scores:
    """Score maps against their masks, one pair in memory at a time.

    The two kinds of maxF are both in use and differ by 0.03 to 0.08: Borji et al.
    (TIP 2015) and most tables before 2019 print `max_f_of_average`, the toolboxes of
    later papers `max_f_of_curve`.

    Args:
        pairs: (name, map, mask) of each image.

    Raises:
        InputError: there are no pairs, or the two of a pair cannot be compared.
    """
    precisions = np.zeros(256)
    recalls = np.zeros(256)
    curve = np.zeros(256)
    singles = np.zeros(3)
    count = 0
    for name, saliency, truth in pairs:
        try:
            precision, recall = precision_recall(saliency, truth)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        precisions += precision
        recalls += recall
        curve += f_measure(precision, recall)
        singles += (
            adaptive_f_measure(saliency, truth),
            mean_absolute_error(saliency, truth),
            s_measure(saliency, truth),
        )
        count += 1
    if count == 0:
        raise InputError("there are no maps to score")
    adaptive_f, mae, structure = (float(value) for value in singles / count)
    return Scores(
        count=count,
        max_f_of_average=float(f_measure(precisions / count, recalls / count).max()),
        max_f_of_curve=float(curve.max() / count),
        mean_f=float(curve.mean() / count),
        adaptive_f=adaptive_f,
        mae=mae,
        s_measure=structure,
    )
