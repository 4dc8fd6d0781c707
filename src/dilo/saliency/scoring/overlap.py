"""Metrics that count pixels: MAE, precision, recall and F-measure.

All functions take a Map, float32 (H, W) in [0, 1], and a mask, bool (H, W).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dilo.image import Map
from dilo.saliency.scoring.pairs import Mask, check_pair

Curve = NDArray[np.float64]  # (256,), one value for each threshold t / 255

BETA_SQUARED = 0.3  # weighs precision above recall, since Achanta et al., CVPR 2009

# A Map that was stored in 8 bits holds k/255 rounded to float32; without this slack in
# grey levels the product with 255 could fall just short of k.
_SLACK = 1e-3


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


def count_at_levels(saliency: Map, truth: Mask) -> Counts:
    """Select the pixels with map >= t / 255, for t from 0 to 255, in one pass.

    Raises:
        InputError: the map or mask is none, or their shapes differ.
    """
    check_pair(saliency, truth)
    level = (saliency * np.float64(255) + _SLACK).astype(np.intp)
    counts = np.bincount((level + 256 * truth).ravel(), minlength=512)
    background, foreground = counts[:256], counts[256:]
    hits = foreground[::-1].cumsum()[::-1]  # foreground pixels at level t or above
    selected = hits + background[::-1].cumsum()[::-1]
    return Counts(hits, selected, int(hits[0]), truth.size)


def count_at_twice_the_mean(saliency: Map, truth: Mask) -> Counts:
    """Select the pixels that reach twice the map's own mean, at most 1: T = 1.

    Raises:
        InputError: the map or mask is none, or their shapes differ.

    Source: Achanta et al., "Frequency-tuned salient region detection", CVPR 2009.
    """
    check_pair(saliency, truth)
    threshold = min(2 * saliency.mean(dtype=np.float64), 1) - _SLACK / 255
    selected = saliency >= np.float64(threshold)
    return Counts(
        hits=np.array([np.count_nonzero(selected & truth)]),
        selected=np.array([np.count_nonzero(selected)]),
        foreground=int(np.count_nonzero(truth)),
        pixels=truth.size,
    )


def mean_absolute_error(saliency: Map, truth: Mask) -> float:
    """Average |map - mask| over the pixels: 0 is perfect, 1 is the inverse.

    Raises:
        InputError: the map or mask is none, or their shapes differ.
    """
    check_pair(saliency, truth)
    return float(np.abs(truth - saliency).mean(dtype=np.float64))


def precision_recall(saliency: Map, truth: Mask) -> tuple[Curve, Curve]:
    """Binarise at every grey level and compare with the mask.

    Index t holds the value for the pixels with map >= t / 255. Where a ratio has no
    denominator (nothing selected, an empty mask) it is 0.

    Returns:
        precision (256,) and recall (256,).

    Raises:
        InputError: the map or mask is none, or their shapes differ.
    """
    counts = count_at_levels(saliency, truth)
    return counts.precision, counts.recall


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


def adaptive_f_measure(saliency: Map, truth: Mask) -> float:
    """Give the F-measure of the pixels that reach twice the map's own mean.

    Raises:
        InputError: the map or mask is none, or their shapes differ.

    Source: Achanta et al., "Frequency-tuned salient region detection", CVPR 2009.
    """
    counts = count_at_twice_the_mean(saliency, truth)
    return f_measure(counts.precision, counts.recall).item()
