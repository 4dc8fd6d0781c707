"""How far a Map can be trusted, judged without the truth, from the Map alone."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from dilo import foreground
from dilo.image import Map, check_map, resize

# Cells along the longer side. Averaging in cells fades out what is scattered in specks
# and keeps what covers an area. Over RBD maps of DUTS the rank correlation with the
# soft IoU is .843 for 8 cells, .859 for 12, .858 for 16, .852 for 24 and .835 for 64;
# with 16 the mean, .516, is nearest to the mean soft IoU of .521.
_CELLS = 16


def confidence(saliency: Map) -> float:
    """Judge how well a map separates one compact foreground from the background.

    The map is averaged in cells, 16 along the longer side. If the cell s is the
    probability of being foreground, then var(s) / (mean(s) (1 - mean(s))) is the share
    of the truth's variance that the map explains: 0 for any uniform map, 1 for a map
    that is sure of every cell. Specks and half-tones both lower it. A map that is
    brighter on the rim than on average shows the background instead, and what it
    explains counts less, down to nothing where the whole rim is foreground.

    Over photographs the mean is close to the mean soft IoU of the map with the truth.

    Args:
        saliency: float32 (H, W) in [0, 1].

    Returns:
        A number in [0, 1]; 0 for a blank map.

    Raises:
        InputError: `saliency` is no Map.

    Source: the ratio is resolution over uncertainty of Murphy, "A new vector partition
        of the probability score", 1973, for a forecast taken at its word.
    """
    check_map(saliency)
    cells = _cells(saliency)
    mean = float(cells.mean())
    uncertainty = mean * (1 - mean)
    if uncertainty <= 0:  # nothing, or everything, is foreground
        return 0.0
    explained = min(1.0, float(cells.var()) / uncertainty)
    inner = cells[1:-1, 1:-1]
    rim_mean = float((cells.sum() - inner.sum()) / (cells.size - inner.size))
    centred = min(1.0, (1 - rim_mean) / (1 - mean))
    return explained * centred


def is_empty(saliency: Map) -> bool:
    """Tell whether a map has no foreground that is worth pasting.

    That is so if no pixel reaches 0.5, or if the confidence is below 0.15.

    Raises:
        InputError: `saliency` is no Map.
    """
    return foreground.is_empty(saliency, confidence(saliency))  # which checks the map


def _cells(saliency: Map) -> NDArray[np.float64]:
    """Average in square cells, at least one and never smaller than a pixel."""
    longer = max(saliency.shape)
    height, width = (
        min(side, max(1, round(_CELLS * side / longer))) for side in saliency.shape
    )
    # Rounding may leave [0, 1] by the last digit.
    cells = resize(saliency, height, width).astype(np.float64).clip(0, 1)
    return cast(NDArray[np.float64], cells)
