"""Metrics of a binarised map: how many pixels are selected, and how many rightly.

All functions take a Map, float32 (H, W) in [0, 1], and a mask, bool (H, W).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Map, check_map

Mask = NDArray[np.bool_]  # (H, W)
Curve = NDArray[np.float64]  # (256,), one value for each threshold t / 255

BETA_SQUARED = 0.3  # weighs precision above recall, since Achanta et al., CVPR 2009

# A Map that was stored in 8 bits holds k/255 rounded to float32; without this slack in
# grey levels the product with 255 could fall just short of k.
_SLACK = 1e-3


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
    if counts.foreground == 0:
        total = (counts.pixels - counts.selected).astype(np.float64)
    elif counts.foreground == counts.pixels:
        total = counts.selected.astype(np.float64)
    else:
        total = _aligned_pixels(counts)
    return total / max(counts.pixels - 1, 1)


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
