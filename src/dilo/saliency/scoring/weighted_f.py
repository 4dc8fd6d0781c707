"""Weighted F-measure: errors count less beside the object than far away from it."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from dilo.image import Map
from dilo.saliency.scoring.counts import Mask, check_pair

WINDOW, SIGMA = 7, 5.0  # pixels: how far errors within the object depend on each other
DECAY = math.log(0.5) / 5  # five pixels off the object an error counts 1.5 times

_KERNEL = cv2.getGaussianKernel(WINDOW, SIGMA)


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
