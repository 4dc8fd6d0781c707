"""Metrics of structure and place: S-measure and weighted F-measure."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from dilo.errors import InputError
from dilo.image import Map, check_map

Mask = NDArray[np.bool_]  # (H, W)

WINDOW, SIGMA = 7, 5.0  # pixels: how far errors within the object depend on each other
DECAY = math.log(0.5) / 5  # five pixels off the object an error counts 1.5 times

_KERNEL = cv2.getGaussianKernel(WINDOW, SIGMA)


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


def weighted_f_measure(saliency: Map, truth: Mask, beta_squared: float = 1.0) -> float:
    """Compare a map with a mask without binarising it.

    A miss within the object is forgiven in part where its neighbours are right; a
    false alarm weighs the more, the farther it is from the object, up to twice. An
    empty mask has no weighted recall and scores 0. As in the program of the authors
    nothing beyond the image counts as right, so that misses at its rim are forgiven.

    Args:
        saliency: the map.
        truth: the mask.
        beta_squared: weight of precision; 1 in the paper.

    Raises:
        InputError: the map or mask is none, or their shapes differ.

    Source: Margolin et al., "How to evaluate foreground maps?", CVPR 2014.
    """
    check_pair(saliency, truth)
    foreground = np.count_nonzero(truth)
    if foreground == 0:
        return 0.0
    error = np.abs(truth - saliency)
    missed = _forgiven_misses(error, truth)
    distance = cv2.distanceTransform(
        (~truth).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    importance = 2 - np.exp(np.float32(DECAY) * distance)
    error[truth] = 0
    false_alarms = float((error * importance).sum(dtype=np.float64))
    hits = foreground - missed
    if hits <= 0:
        return 0.0
    recall = 1 - missed / foreground
    precision = hits / (hits + false_alarms)
    above = (1 + beta_squared) * precision * recall
    return float(above / (beta_squared * precision + recall))


def _forgiven_misses(error: NDArray[np.float32], truth: Mask) -> float:
    """Sum the errors on the object, each or the average around it if that is less.

    The background takes the error of the nearest object pixel, so that it does not
    weigh on the neighbourhood of the object's rim.
    """
    rows, columns = (np.flatnonzero(truth.any(axis=axis)) for axis in (1, 0))
    reach = WINDOW // 2
    box = (  # all that a window around an object pixel can see
        slice(max(0, rows[0] - reach), rows[-1] + reach + 1),
        slice(max(0, columns[0] - reach), columns[-1] + reach + 1),
    )
    error, truth = np.ascontiguousarray(error[box]), truth[box]
    row, column = distance_transform_edt(
        ~truth, return_distances=False, return_indices=True
    )
    spread = error.ravel().take(row * error.shape[1] + column)
    average = cv2.sepFilter2D(
        spread, -1, _KERNEL, _KERNEL, borderType=cv2.BORDER_CONSTANT
    )
    return float(np.minimum(error, average)[truth].sum(dtype=np.float64))
