"""Kernels for the values of regions: ranges, thresholds, weights, linear systems.

The systems are symmetric and positive definite, of a few hundred unknowns. LAPACK would
wake its threads for them, which then take more time than the work itself. Rows (A | B)
of A x = B are solved by Cholesky's method: `eliminate`, then `substitute`.
"""

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


@njit(nogil=True, fastmath={"contract", "reassoc", "nsz"})
def minimize(matrix, vector):  # type: ignore[no-untyped-def]
    """Solve matrix @ x = vector for a symmetric positive definite (N, N) matrix.

    Conjugate gradients with the diagonal as preconditioner, to the limit of the
    precision: as the diagonal dominates, some twenty steps in float32, far below the N
    steps' worth of work of a factorisation.

    Source: Hestenes and Stiefel, "Methods of conjugate gradients for solving linear
    systems", 1952.
    """
    count, kind = len(vector), vector.dtype.type
    x, residual = np.zeros(count, vector.dtype), vector.copy()
    direction, image = np.zeros(count, vector.dtype), np.empty_like(vector)
    inverse = np.empty_like(vector)
    for i in range(count):
        inverse[i] = kind(1) / matrix[i, i]
    precision = np.finfo(vector.dtype).eps
    enough = previous = kind(0)
    for step in range(2 * count + 1):
        energy = kind(0)
        for i in range(count):
            energy += residual[i] * residual[i] * inverse[i]
        if step == 0:
            enough = energy * kind(precision * precision)
        if energy <= enough:
            break
        slope = energy / previous if step else kind(0)
        for i in range(count):
            direction[i] = residual[i] * inverse[i] + slope * direction[i]
        curvature = kind(0)
        for i in range(count):
            total = kind(0)
            for j in range(count):
                total += matrix[i, j] * direction[j]
            image[i] = total
            curvature += total * direction[i]
        length = energy / curvature
        for i in range(count):
            x[i] += length * direction[i]
            residual[i] -= length * image[i]
        previous = energy
    return x


@njit(nogil=True, error_model="numpy")
def eliminate(rows):  # type: ignore[no-untyped-def]
    """Turn (A | B) into (U | V) in place, where A = U' U and U x = V solves A x = B.

    Four rows at a time are copied out and taken from all below: copied, they do not
    alias them, and the loop runs in SIMD. Rows that none of the four touches are left
    alone, which they often are, as regions are linked to near ones only.
    """
    # Unsigned: no wrap-around of negative indices to check.
    count, width = np.uint64(rows.shape[0]), np.uint64(rows.shape[1])
    four = np.empty((4, width), rows.dtype)
    for first in range(np.uint64(0), count, np.uint64(4)):
        _finish(rows, first, four)
        for i in range(first + np.uint64(4), count):
            a, b, c, d = four[0, i], four[1, i], four[2, i], four[3, i]
            if a == 0 and b == 0 and c == 0 and d == 0:
                continue
            for j in range(i, width):
                ab = a * four[0, j] + b * four[1, j]
                cd = c * four[2, j] + d * four[3, j]
                rows[i, j] -= ab + cd


@njit(nogil=True, error_model="numpy")
def _finish(rows, first, four):  # type: ignore[no-untyped-def]
    """Finish rows first.. of U among themselves, and copy them to `four`."""
    width = np.uint64(rows.shape[1])
    used = min(np.uint64(4), np.uint64(rows.shape[0]) - first)
    four[:] = 0
    for s in range(used):
        diagonal = first + s
        for j in range(diagonal, width):
            four[s, j] = rows[diagonal, j]
        for p in range(s):
            factor = four[p, diagonal]
            for j in range(diagonal, width):
                four[s, j] -= factor * four[p, j]
        scale = rows.dtype.type(1) / np.sqrt(four[s, diagonal])
        for j in range(diagonal, width):
            four[s, j] *= scale
            rows[diagonal, j] = four[s, j]


@njit(nogil=True, fastmath={"reassoc", "contract"})  # sums in SIMD
def substitute(rows, sides):  # type: ignore[no-untyped-def]
    """Solve U x = V, of rows (U | V), for each of the columns of V."""
    count = np.uint64(rows.shape[0])
    found = np.empty((sides, count), rows.dtype)
    for side in range(np.uint64(sides)):
        x = found[side]
        for back in range(np.uint64(1), count + np.uint64(1)):
            i = count - back
            known = rows.dtype.type(0)
            for j in range(i + np.uint64(1), count):
                known += rows[i, j] * x[j]
            x[i] = (rows[i, count + side] - known) / rows[i, i]
    return found.T
