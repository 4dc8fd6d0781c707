"""Otsu's threshold.

Source: Otsu, "A threshold selection method from gray-level histograms", 1979.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def otsu(values):  # type: ignore[no-untyped-def]
    """Threshold in [0, 1] between two classes of 8-bit values; 0 if there is one."""
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
