import numpy as np
import pytest

from dilo.saliency.numeric import eliminate, minimize, substitute

RNG = np.random.default_rng(0)


def solve(matrix, right):
    rows = np.concatenate([matrix, right], axis=1)
    eliminate(rows)
    return substitute(rows, right.shape[1])


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 61])
@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_solution_is_that_of_numpy(count, precision, density):
    links = RNG.random((count, count)) * (RNG.random((count, count)) < density)
    matrix = -(links + links.T)
    np.fill_diagonal(matrix, 0.1 - matrix.sum(axis=1))  # diagonal dominates
    right = RNG.random((count, 2))
    expected = np.linalg.solve(matrix, right)
    found = solve(matrix.astype(precision), right.astype(precision))
    assert found.dtype == precision
    assert found.shape == (count, 2)
    np.testing.assert_allclose(found, expected, rtol=1e4 * np.finfo(precision).eps)


def test_identity_changes_nothing():
    right = RNG.random((7, 3))
    np.testing.assert_allclose(solve(np.eye(7), right), right)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 30, 200])
def test_minimize_solves_the_system(count, precision):
    links = RNG.random((count, count)).astype(precision)
    matrix = -(links + links.T)
    np.fill_diagonal(matrix, 0.1 - matrix.sum(axis=1))  # diagonal dominates
    vector = RNG.random(count).astype(precision)
    x = minimize(matrix, vector)
    assert x.dtype == precision
    rounding = 1e4 * np.finfo(precision).eps
    np.testing.assert_allclose(x, np.linalg.solve(matrix, vector), rtol=rounding)
    assert not minimize(matrix, np.zeros_like(vector)).any()
