"""E-measure: does a binarised map agree with the mask, pixel by pixel and on average?

The measure sums a value over pixels that depends on two bits alone, that of the map
and that of the mask. Four counts for each threshold therefore suffice.
"""

import numpy as np
from numpy.typing import NDArray

from dilo.image import Map
from dilo.saliency.scoring.overlap import (
    Counts,
    Curve,
    count_at_levels,
    count_at_twice_the_mean,
)
from dilo.saliency.scoring.pairs import Mask


def e_measure(counts: Counts) -> NDArray[np.float64]:
    """Give the enhanced alignment at each of the T thresholds of `counts`, (T,).

    An empty mask asks for a black map, a full one for a white map. As in the program
    of the authors the sum is divided by one less than the number of pixels, so that a
    perfect map scores slightly above 1.

    Source: Fan et al., "Enhanced-alignment measure for binary foreground map
        evaluation", IJCAI 2018.
    """
    if counts.foreground == 0:
        total = (counts.pixels - counts.selected).astype(np.float64)
    elif counts.foreground == counts.pixels:
        total = counts.selected.astype(np.float64)
    else:
        total = _aligned_pixels(counts)
    return total / max(counts.pixels - 1, 1)


def e_measure_curve(saliency: Map, truth: Mask) -> Curve:
    """Give the E-measure at every grey level; index t: pixels with map >= t / 255.

    Raises:
        InputError: the map or mask is none, or their shapes differ.

    Source: see `e_measure`.
    """
    return e_measure(count_at_levels(saliency, truth))


def adaptive_e_measure(saliency: Map, truth: Mask) -> float:
    """Give the E-measure of the pixels that reach twice the map's own mean.

    Raises:
        InputError: the map or mask is none, or their shapes differ.

    Source: see `e_measure`.
    """
    return e_measure(count_at_twice_the_mean(saliency, truth)).item()


def _aligned_pixels(counts: Counts) -> NDArray[np.float64]:
    """Sum the alignment over the four kinds of pixels, (T,)."""
    map_mean = counts.selected / counts.pixels
    mask_mean = counts.foreground / counts.pixels
    misses = counts.foreground - counts.hits
    false_alarms = counts.selected - counts.hits
    others = counts.pixels - counts.foreground - false_alarms
    return (
        counts.hits * _alignment(1 - map_mean, 1 - mask_mean)
        + misses * _alignment(-map_mean, 1 - mask_mean)
        + false_alarms * _alignment(1 - map_mean, -mask_mean)
        + others * _alignment(-map_mean, -mask_mean)
    )


def _alignment(bias: NDArray[np.float64], mask_bias: float) -> NDArray[np.float64]:
    """Map the likeness of two biases from [-1, 1] to [0, 1], favouring high ones."""
    likeness = 2 * bias * mask_bias / (bias**2 + mask_bias**2)
    return (1 + likeness) ** 2 / 4
