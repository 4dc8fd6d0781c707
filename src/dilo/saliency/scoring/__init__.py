"""Scoring: how well Maps agree with ground-truth masks, by the field's usual numbers.

`score_image` measures one map; `summarise`, `resample` and `intervals` turn what it
returns for many into the numbers of a table.

Where these numbers differ from those of other programs: nothing stretches a map to
the full range first, as PySODMetrics does with every map, so a timid map scores as it
is; and a map of one pixel divides by 1, not by a tiny number, in the E-measure.
"""

from dilo.saliency.scoring.metrics import (
    BETA_SQUARED,
    ImageScores,
    f_measure,
    score_image,
)
from dilo.saliency.scoring.structure import s_measure, weighted_f_measure
from dilo.saliency.scoring.summary import (
    METRICS,
    Metric,
    intervals,
    per_image_csv,
    resample,
    significantly_different,
    summarise,
)

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
