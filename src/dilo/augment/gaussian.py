"""The weights of a Gaussian, and how rows and columns go on beyond a rim."""

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.kernel_cache import njit


def check_sigma(sigma: float) -> None:
    """Check that a blur is one.

    Raises:
        InputError: `sigma` is not positive.
    """
    if not sigma > 0:
        raise InputError(f"the sigma of a blur must be positive, got {sigma}")


@njit(nogil=True)
def blur_reach(sigma: float) -> int:
    """Say over how many pixels each way a blur mixes."""
    return round(3 * sigma)


@njit(nogil=True)
def gaussian_weights(sigma: float) -> NDArray[np.float32]:
    """Give the weights of the pixel itself and of those beside it: float32 (R + 1,)."""
    distance = np.arange(blur_reach(sigma) + 1)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    return (weights / (2 * weights.sum() - weights[0])).astype(np.float32)


@njit(nogil=True)
def mirror(begin: int, end: int, length: int) -> NDArray[np.int64]:
    """Number the pixels of a line of such a length from one place to another.

    Beyond the line's ends it is mirrored: ... 2 1 0 1 2 ...
    """
    period = max(2 * (length - 1), 1)
    places = np.arange(begin, end) % period
    return np.minimum(places, period - places) if length > 1 else 0 * places
