"""Scoring: how well Maps agree with ground-truth masks, by the field's usual numbers.

`score_image` measures one map; `summarise`, `resample` and `intervals` turn what it
returns for many into the numbers of a table.

Where these numbers differ from those of other programs: nothing stretches a map to
the full range first, as PySODMetrics does with every map, so a timid map scores as it
is; and a map of one pixel divides by 1, not by a tiny number, in the E-measure.
"""

from dilo.saliency.scoring.counts import BETA_SQUARED, f_measure
from dilo.saliency.scoring.image_scores import ImageScores, score_image
from dilo.saliency.scoring.structure import s_measure
from dilo.saliency.scoring.summary import (
    METRICS,
    Metric,
    intervals,
    resample,
    significantly_different,
    summarise,
)
from dilo.saliency.scoring.table import per_image_csv
from dilo.saliency.scoring.weighted_f import weighted_f_measure

__all__ = [
    "BETA_SQUARED",
    "METRICS",
    "ImageScores",
    "Metric",
    "f_measure",
    "intervals",
    "per_image_csv",
    "resample",
    "s_measure",
    "score_image",
    "significantly_different",
    "summarise",
    "weighted_f_measure",
]
