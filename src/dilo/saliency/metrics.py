"""How well a Map agrees with a ground-truth mask, by the field's usual numbers.

All functions take a Map, float32 (H, W) in [0, 1], and a mask, bool (H, W).
"""

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Map, check_map

Mask = NDArray[np.bool_]  # (H, W)

BETA_SQUARED = 0.3  # weighs precision above recall, since Achanta et al., CVPR 2009

# A Map that was stored in 8 bits holds k/255 rounded to float32; without this slack in
# grey levels the product with 255 could fall just short of k.
_SLACK = 1e-3


def mean_absolute_error(saliency: Map, truth: Mask) -> float:
    """Average |map - mask| over the pixels: 0 is perfect, 1 is the inverse.

    Raises:
        InputError: the map or mask is none, or their shapes differ.
    """
    check_pair(saliency, truth)
    return float(np.where(truth, 1 - saliency, saliency).mean(dtype=np.float64))


def precision_recall(
    saliency: Map, truth: Mask
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Binarise at every grey level and compare with the mask.

    Index t holds the value for the pixels with map >= t / 255. Where a ratio has no
    denominator (nothing selected, an empty mask) it is 0.

    Returns:
        precision (256,) and recall (256,).

    Raises:
        InputError: the map or mask is none, or their shapes differ.
    """
    check_pair(saliency, truth)
    level = (saliency * np.float64(255) + _SLACK).astype(np.intp)
    counts = np.bincount((level + 256 * truth).ravel(), minlength=512)
    background, foreground = counts[:256], counts[256:]
    hits = foreground[::-1].cumsum()[::-1]  # foreground pixels at level t or above
    selected = hits + background[::-1].cumsum()[::-1]
    return hits / np.maximum(selected, 1), hits / max(int(hits[0]), 1)


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


def adaptive_f_measure(
    saliency: Map, truth: Mask, beta_squared: float = BETA_SQUARED
) -> float:
    """Give the F-measure of the pixels that reach twice the map's own mean.

    Raises:
        InputError: the map or mask is none, or their shapes differ.

    Source: Achanta et al., "Frequency-tuned salient region detection", CVPR 2009.
    """
    check_pair(saliency, truth)
    threshold = np.float64(min(2 * saliency.mean(dtype=np.float64), 1))
    selected = saliency >= threshold
    hits = np.count_nonzero(selected & truth)
    if hits == 0:
        return 0.0
    precision = hits / np.count_nonzero(selected)
    recall = hits / np.count_nonzero(truth)
    return (1 + beta_squared) * precision * recall / (beta_squared * precision + recall)


def s_measure(saliency: Map, truth: Mask, alpha: float = 0.5) -> float:
    """Compare structure: per object, and per quarter around the mask's centroid.

    An empty mask asks for a black map, a full one for a white map.

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


def check_pair(saliency: Map, truth: Mask) -> None:
    """Check that a map and a mask can be compared.

    Raises:
        InputError: the map or mask is none, or their shapes differ.
    """
    check_map(saliency)
    if not isinstance(truth, np.ndarray) or truth.dtype != np.bool_:
        kind = getattr(truth, "dtype", type(truth).__name__)
        raise InputError(f"a mask is bool (H, W), got {kind}")
    if truth.shape != saliency.shape:
        raise InputError(
            f"the map is {saliency.shape}, the mask {truth.shape}: they must be of "
            f"one size"
        )


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
    # Sums, not dot products: on a busy machine BLAS threads cost more than they save.
    mask_spread = values.size * mask_mean * (1 - mask_mean)
    spread = (np.square(values - mean).sum() + mask_spread) / freedom
    covariance = (values[truth] - mean).sum() / freedom
    above = 4 * mean * mask_mean * covariance
    below = (mean**2 + mask_mean**2) * spread
    if above != 0:
        return float(above / (below + np.finfo(np.float64).eps))
    return float(below == 0)  # two equal flat blocks, or nothing in common
