"""Scoring: how well Maps agree with ground-truth masks, by the field's usual numbers.

`score_image` measures one map; `summarise`, `resample` and `intervals` turn what it
returns for many into the numbers of a table. Each metric is a function of its own too.

Where these numbers differ from those of other programs: nothing stretches a map to
the full range first, as PySODMetrics does with every map, so a timid map scores as it
is; and a map of one pixel divides by 1, not by a tiny number, in the E-measure.
"""

from dilo.saliency.scoring.alignment import adaptive_e_measure, e_measure_curve
from dilo.saliency.scoring.image_scores import ImageScores, score_image
from dilo.saliency.scoring.overlap import (
    BETA_SQUARED,
    adaptive_f_measure,
    f_measure,
    mean_absolute_error,
    precision_recall,
)
from dilo.saliency.scoring.structure import s_measure
from dilo.saliency.scoring.summary import (
    METRICS,
    Interval,
    Metric,
    Scores,
    intervals,
    resample,
    score_maps,
    summarise,
    told_apart,
)
from dilo.saliency.scoring.table import per_image_csv
from dilo.saliency.scoring.weighted_f import weighted_f_measure

__all__ = [
    "BETA_SQUARED",
    "METRICS",
    "ImageScores",
    "Interval",
    "Metric",
    "Scores",
    "adaptive_e_measure",
    "adaptive_f_measure",
    "e_measure_curve",
    "f_measure",
    "intervals",
    "mean_absolute_error",
    "per_image_csv",
    "precision_recall",
    "resample",
    "s_measure",
    "score_image",
    "score_maps",
    "summarise",
    "told_apart",
    "weighted_f_measure",
]
