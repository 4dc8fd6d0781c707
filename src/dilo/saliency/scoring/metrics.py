"""All metrics of one map; those of a binarised map follow from counts of pixels.

Maps are float32 (H, W) in [0, 1], masks bool (H, W).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dilo.image import Map
from dilo.saliency.scoring.structure import (
    Mask,
    check_pair,
    s_measure,
    weighted_f_measure,
)

Curve = NDArray[np.float64]  # (256,), one value for each threshold t / 255

BETA_SQUARED = 0.3  # weighs precision above recall, since Achanta et al., CVPR 2009

# A Map that was stored in 8 bits holds k/255 rounded to float32; without this slack in
# grey levels the product with 255 could fall just short of k.
_SLACK = 1e-3


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


@dataclass(frozen=True)
class Counts:
    """Pixels of one pair: all metrics of a binarised map follow from these four."""

    hits: NDArray[np.intp]  # (T,), selected foreground pixels at each of T thresholds
    selected: NDArray[np.intp]  # (T,), selected pixels
    foreground: int  # foreground pixels of the mask
    pixels: int

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of the selected pixels that are foreground, (T,); of none it is 0."""
        return self.hits / np.maximum(self.selected, 1)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of the foreground that is selected, (T,); 0 for an empty mask."""
        return self.hits / max(self.foreground, 1)


def count_at_thresholds(saliency: Map, truth: Mask) -> Counts:
    """Select the pixels with map >= t / 255, for t from 0 to 255, in one pass."""
    grey = (saliency * np.float64(255) + _SLACK).astype(np.intp)
    counts = np.bincount((grey + 256 * truth).ravel(), minlength=512)
    background, foreground = counts[:256], counts[256:]
    hits = foreground[::-1].cumsum()[::-1]  # foreground pixels of t or above
    selected = hits + background[::-1].cumsum()[::-1]
    return Counts(hits, selected, int(hits[0]), truth.size)


def count_at_twice_the_mean(saliency: Map, truth: Mask) -> Counts:
    """Select the pixels that reach twice the map's own mean, at most 1: T = 1.

    Source: Achanta et al., "Frequency-tuned salient region detection", CVPR 2009.
    """
    threshold = min(2 * saliency.mean(dtype=np.float64), 1) - _SLACK / 255
    selected = saliency >= np.float64(threshold)
    return Counts(
        hits=np.array([np.count_nonzero(selected & truth)]),
        selected=np.array([np.count_nonzero(selected)]),
        foreground=int(np.count_nonzero(truth)),
        pixels=truth.size,
    )


def f_measure(
    precision: NDArray[np.float64],
    recall: NDArray[np.float64],
    beta_squared: float = BETA_SQUARED,
) -> NDArray[np.float64]:
    """Weigh precision and recall into one number, elementwise; 0 where both are 0.

    Source: Achanta et al., "Frequency-tuned salient region detection", CVPR 2009.
    """
    above = (1 + beta_squared) * precision * recall
    below = beta_squared * precision + recall
    return above / np.where(above == 0, 1, below)


def e_measure(counts: Counts) -> NDArray[np.float64]:
    """Give the enhanced alignment at each of the T thresholds of `counts`, (T,).

    It sums a value over pixels that depends on two bits alone, that of the map and that
    of the mask: four counts suffice. An empty mask asks for a black map, a full one for
    a white map. As in the program of the authors the sum is divided by one less than
    the number of pixels, so that a perfect map scores slightly above 1.

    Source: Fan et al., "Enhanced-alignment measure for binary foreground map
        evaluation", IJCAI 2018.
    """
    hits, selected = counts.hits, counts.selected
    foreground, pixels = counts.foreground, counts.pixels
    if foreground in (0, pixels):
        total = np.asarray(selected if foreground else pixels - selected, np.float64)
    else:
        false_alarms = selected - hits
        rejected = pixels - foreground - false_alarms
        mean, mask_mean = selected / pixels, foreground / pixels
        total = (
            hits * _alignment(1 - mean, 1 - mask_mean)
            + (foreground - hits) * _alignment(-mean, 1 - mask_mean)
            + false_alarms * _alignment(1 - mean, -mask_mean)
            + rejected * _alignment(-mean, -mask_mean)
        )
    return total / max(pixels - 1, 1)


def _alignment(bias: NDArray[np.float64], mask_bias: float) -> NDArray[np.float64]:
    """Map the likeness of two biases from [-1, 1] to [0, 1], favouring high ones."""
    likeness = 2 * bias * mask_bias / (bias**2 + mask_bias**2)
    return (1 + likeness) ** 2 / 4
