import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dilo.augment import BLENDINGS
from dilo.augment.blending import BLUR_SIGMA


@pytest.mark.parametrize("name", BLENDINGS)
def test_blending_contract(name):
    alpha = np.zeros((40, 60), np.float32)
    alpha[10:30, 10:30] = 1
    before = alpha.copy()
    for seed in range(4):
        blended = BLENDINGS[name](np.random.default_rng(seed), alpha)
        assert blended.shape == alpha.shape
        assert blended.dtype == np.float32
        assert blended.min() >= 0
        assert blended.max() <= 1 + 1e-6
    np.testing.assert_array_equal(alpha, before)  # it is the cached map


def test_gaussian_blur_is_relative_to_the_short_side():
    assert pytest.approx(5) == BLUR_SIGMA * 375
    edge = np.zeros((150, 300), np.float32)
    edge[:, 150:] = 1
    large = np.repeat(np.repeat(edge, 3, axis=0), 3, axis=1)
    rng = np.random.default_rng(0)
    blurred = BLENDINGS["gaussian"](rng, edge)
    from_large = BLENDINGS["gaussian"](rng, large)[1::3, 1::3]
    np.testing.assert_allclose(blurred, from_large, atol=0.03)


def test_mix_blurs_every_second_time():
    alpha = np.zeros((30, 30), np.float32)
    alpha[10:20, 10:20] = 1
    rng = np.random.default_rng(0)
    blurred = [BLENDINGS["mix"](rng, alpha) is not alpha for _ in range(400)]
    assert 160 < sum(blurred) < 240


def test_the_gaussian_is_one():
    alpha = np.zeros((300, 400), np.float32)
    alpha[100:200, 120:260] = 1
    rng = np.random.default_rng(0)
    blurred = BLENDINGS["gaussian"](rng, alpha, 0.02)
    assert blurred.dtype == np.float32
    exact = gaussian_filter(alpha, 6.0, mode="mirror")
    assert np.abs(blurred - exact).max() < 0.002
    assert np.abs(blurred - exact).mean() < 0.0002


def test_a_blur_of_zero_and_one_pixel_change_nothing():
    rng = np.random.default_rng(0)
    alpha = rng.random((20, 30), np.float32)
    np.testing.assert_array_equal(BLENDINGS["gaussian"](rng, alpha, 0.0), alpha)
    pixel = np.full((1, 1), 0.7, np.float32)
    # Blurred are whole numbers of 32,767ths.
    np.testing.assert_allclose(BLENDINGS["gaussian"](rng, pixel), pixel, atol=2e-5)
