"""Solve the linear systems of the saliency methods."""

import numpy as np
from numba import njit

from dilo.saliency.graph import Floats


def minimize(matrix: Floats, vector: Floats) -> Floats:
    """Solve matrix @ x = vector for a symmetric positive definite (N, N) matrix.

    Conjugate gradients with the diagonal as preconditioner, to the limit of the
    precision: as the diagonal dominates, some twenty steps in float32, far below the N
    steps' worth of work of a factorisation.

    Source: Hestenes and Stiefel, "Methods of conjugate gradients for solving linear
    systems", 1952.
    """
    return _minimize(matrix, vector, np.finfo(vector.dtype).eps)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _minimize(matrix, vector, precision):  # type: ignore[no-untyped-def]
    count, kind = len(vector), vector.dtype.type
    x, residual = np.zeros(count, vector.dtype), vector.copy()
    direction, image = np.zeros(count, vector.dtype), np.empty_like(vector)
    inverse = np.empty_like(vector)
    for i in range(count):
        inverse[i] = kind(1) / matrix[i, i]
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
