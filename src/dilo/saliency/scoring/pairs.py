"""What every metric compares: a Map, and a ground-truth mask of the same size."""

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Map, check_map

Mask = NDArray[np.bool_]  # (H, W)


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
