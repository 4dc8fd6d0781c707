"""All metrics of one map."""

from dataclasses import dataclass

import numpy as np

from dilo.image import Map
from dilo.saliency.scoring.counts import (
    Curve,
    Mask,
    check_pair,
    count_at_thresholds,
    count_at_twice_the_mean,
    e_measure,
    f_measure,
)
from dilo.saliency.scoring.structure import s_measure
from dilo.saliency.scoring.weighted_f import weighted_f_measure


@dataclass(frozen=True)
class ImageScores:
    """What is measured on one image.

    Curves (256,) have one value for each threshold: index t holds that of the pixels
    with map >= t / 255. Where a ratio has no denominator (nothing selected, an empty
    mask) it is 0. Adaptive values are of the pixels that reach twice the map's mean.
    """

    precision: Curve
    recall: Curve
    f_curve: Curve
    e_curve: Curve
    adaptive_f: float
    mae: float  # mean absolute error: 0 is perfect, 1 is the inverse
    s_measure: float
    adaptive_e: float
    weighted_f: float


def score_image(saliency: Map, truth: Mask) -> ImageScores:
    """Compare a map with its mask by every metric.

    Raises:
        InputError: the map or mask is none, or their shapes differ.
    """
    check_pair(saliency, truth)
    counts = count_at_thresholds(saliency, truth)
    adaptive = count_at_twice_the_mean(saliency, truth)
    precision, recall = counts.precision, counts.recall
    return ImageScores(
        precision=precision,
        recall=recall,
        f_curve=f_measure(precision, recall),
        e_curve=e_measure(counts),
        adaptive_f=f_measure(adaptive.precision, adaptive.recall).item(),
        mae=float(np.abs(truth - saliency).mean(dtype=np.float64)),
        s_measure=s_measure(saliency, truth),
        adaptive_e=e_measure(adaptive).item(),
        weighted_f=weighted_f_measure(saliency, truth),
    )
