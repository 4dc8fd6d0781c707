"""Gaussian weights of distances, cut off at three sigma."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _copy(source, target):  # type: ignore[no-untyped-def]
    old, new = source.reshape(-1), target.reshape(-1)
    for i in range(np.uint64(old.size)):
        new[i] = old[i]


@njit(cache=True, nogil=True)
def _kernel(distance, sigma):  # type: ignore[no-untyped-def]
    """Turn distances into Gaussian weights, 0 beyond three sigma, in place."""
    if sigma <= 0:
        _gaussian(distance, 0.0, 0.0)
    else:
        _gaussian(distance, -0.5 / sigma**2, 3 * sigma)


@njit(cache=True, nogil=True, fastmath={"contract"})
def _gaussian(distance, factor, farthest):  # type: ignore[no-untyped-def]
    """Write exp(factor * distance^2), 0 beyond the farthest; exponents above -4.5.

    The eighth power of the Taylor series at an eighth of the exponent: good to the
    rounding of float32 and, unlike exp(), in SIMD.
    """
    kind = distance.dtype.type
    eighth, last = kind(factor / 8), kind(farthest)
    flat = distance.reshape(-1)
    for i in range(np.uint64(flat.size)):
        length = flat[i]
        x = length * length * eighth
        power = kind(1)
        for order in range(10, 0, -1):
            power = kind(1) + x * kind(1 / order) * power
        power *= power
        power *= power
        power *= power
        flat[i] = power if length <= last else kind(0)
