"""Values of regions: full range, Otsu's threshold, Gaussian weights of distances."""

import numpy as np

from dilo.kernel_cache import njit
from dilo.saliency.graph import Floats

EPSILON = 2.2e-16  # keeps equal values at 0


def stretch(values: Floats) -> Floats:
    """Shift and scale values to [0, 1]; zeros if all are equal."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low + EPSILON)


@njit(nogil=True)
def otsu(values):  # type: ignore[no-untyped-def]
    """Threshold in [0, 1] between two classes of 8-bit values; 0 if there is one.

    Source: Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    share = np.zeros(256)
    for value in values:
        share[int(np.floor(min(max(value, 0), 1) * values.dtype.type(255) + 0.5))] += 1
    share /= len(values)
    mean = (share * np.arange(256)).sum()
    below = partial = best = total = 0.0
    ties = 0
    for grey in range(256):
        below += share[grey]
        partial += grey * share[grey]
        spread = below * (1 - below)
        if spread <= 1e-12:
            continue
        between = (mean * below - partial) ** 2 / spread
        if between > best:
            best, total, ties = between, 0.0, 0
        if between == best and best > 0:
            total += grey
            ties += 1
    return total / ties / 255 if ties else 0.0


@njit(nogil=True)
def copy(source, target):  # type: ignore[no-untyped-def]
    """Copy values to an array of the same shape."""
    old, new = source.reshape(-1), target.reshape(-1)
    for i in range(np.uint64(old.size)):
        new[i] = old[i]


@njit(nogil=True, fastmath={"contract"})
def gaussian(distance, sigma):  # type: ignore[no-untyped-def]
    """Turn distances into Gaussian weights, 0 beyond three sigma, in place.

    The eighth power of the Taylor series at an eighth of the exponent: good to the
    rounding of float32 and, unlike exp(), in SIMD. Exponents are above -4.5.
    """
    factor = -0.5 / sigma**2 if sigma > 0 else 0.0
    farthest = 3 * sigma if sigma > 0 else 0.0
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
