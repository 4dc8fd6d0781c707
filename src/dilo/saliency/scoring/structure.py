"""S-measure: does a map have the structure of the mask?"""

import numpy as np
from numpy.typing import NDArray

from dilo.image import Map
from dilo.saliency.scoring.counts import Mask, check_pair


def s_measure(saliency: Map, truth: Mask, alpha: float = 0.5) -> float:
    """Compare structure: per object, and per quarter around the mask's centroid.

    An empty mask asks for a black map, a full one for a white map. Two flat quarters
    are alike whatever their grey, as in the program of the authors; in PySODMetrics
    it depends on the rounding of the mean whether a grey quarter is flat.

    Args:
        saliency: the map.
        truth: the mask.
        alpha: weight of the object part; the region part has the rest.

    Raises:
        InputError: the map or mask is none, or their shapes differ.

    Source: Fan et al., "Structure-measure: a new way to evaluate foreground maps",
        ICCV 2017.
    """
    check_pair(saliency, truth)
    share = np.count_nonzero(truth) / truth.size
    if share in (0, 1):
        mean = float(saliency.mean(dtype=np.float64))
        return mean if share else 1 - mean
    foreground = saliency[truth].astype(np.float64)
    background = 1 - saliency[~truth].astype(np.float64)
    objects = share * _likeness(foreground) + (1 - share) * _likeness(background)
    return max(0.0, alpha * objects + (1 - alpha) * _region_score(saliency, truth))


def _likeness(values: NDArray[np.float64]) -> float:
    """Reward a mean near 1 and a small spread."""
    mean = values.mean()
    spread = values.std(ddof=1) if values.size > 1 else 0.0
    return float(2 * mean / (mean**2 + 1 + spread + np.finfo(np.float64).eps))


def _region_score(saliency: Map, truth: Mask) -> float:
    """Average the likeness of the four quarters, weighted by their area."""
    height, width = truth.shape
    rows, columns = truth.sum(axis=1), truth.sum(axis=0)
    total = rows.sum()
    # The centroid's own row and column belong to the upper left quarter.
    row = int(np.rint(rows @ np.arange(height) / total)) + 1
    column = int(np.rint(columns @ np.arange(width) / total)) + 1
    score = 0.0
    for vertical in (slice(0, row), slice(row, height)):
        for horizontal in (slice(0, column), slice(column, width)):
            mask = truth[vertical, horizontal]
            if mask.size:
                part = saliency[vertical, horizontal]
                score += mask.size * _structural_likeness(part, mask)
    return score / truth.size


def _structural_likeness(saliency: Map, truth: Mask) -> float:
    """Compare means, spreads and correlation of two blocks."""
    values = saliency.astype(np.float64)
    mean, mask_mean = values.mean(), truth.mean()
    freedom = max(values.size - 1, 1)
    if values.min() == values.max():
        mean = values.flat[0]  # exactly, for its spread decides between 0 and 1
    # Sums, not dot products: on a busy machine BLAS threads cost more than they save.
    mask_spread = values.size * mask_mean * (1 - mask_mean)
    spread = (np.square(values - mean).sum() + mask_spread) / freedom
    covariance = (values[truth] - mean).sum() / freedom
    above = 4 * mean * mask_mean * covariance
    below = (mean**2 + mask_mean**2) * spread
    if above != 0:
        return float(above / (below + np.finfo(np.float64).eps))
    return float(below == 0)  # two equal flat blocks, or nothing in common
