"""All metrics of one map."""

from dataclasses import dataclass

from dilo.image import Map
from dilo.saliency.scoring.alignment import e_measure
from dilo.saliency.scoring.overlap import (
    Curve,
    count_at_levels,
    count_at_twice_the_mean,
    f_measure,
    mean_absolute_error,
)
from dilo.saliency.scoring.pairs import Mask
from dilo.saliency.scoring.structure import s_measure
from dilo.saliency.scoring.weighted_f import weighted_f_measure


@dataclass(frozen=True)
class ImageScores:
    """What is measured on one image; curves have one value for each threshold."""

    precision: Curve  # (256,)
    recall: Curve  # (256,)
    f_curve: Curve  # (256,)
    e_curve: Curve  # (256,)
    adaptive_f: float
    mae: float
    s_measure: float
    adaptive_e: float
    weighted_f: float


def score_image(saliency: Map, truth: Mask) -> ImageScores:
    """Compare a map with its mask by every metric.

    Raises:
        InputError: the map or mask is none, or their shapes differ.
    """
    levels = count_at_levels(saliency, truth)
    adaptive = count_at_twice_the_mean(saliency, truth)
    precision, recall = levels.precision, levels.recall
    return ImageScores(
        precision=precision,
        recall=recall,
        f_curve=f_measure(precision, recall),
        e_curve=e_measure(levels),
        adaptive_f=f_measure(adaptive.precision, adaptive.recall).item(),
        mae=mean_absolute_error(saliency, truth),
        s_measure=s_measure(saliency, truth),
        adaptive_e=e_measure(adaptive).item(),
        weighted_f=weighted_f_measure(saliency, truth),
    )
