import numpy as np
import pytest

from dilo.augment import composite
from dilo.errors import InputError


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def test_it_is_the_weighted_mean_rounded():
    image, background = noise(0, 20, 30), noise(1, 20, 30)
    alpha = np.random.default_rng(2).random((20, 30), np.float32)
    weight = alpha[..., np.newaxis].astype(float)
    exact = background + weight * (image.astype(float) - background)
    assert np.abs(composite(image, alpha, background) - exact).max() <= 0.501


def test_pictures_need_not_be_contiguous():
    image, background = noise(0, 8, 9), noise(1, 8, 9)
    alpha = np.random.default_rng(0).random((8, 9), np.float32)
    turned = composite(image[:, ::-1], alpha[:, ::-1], background[:, ::-1])
    np.testing.assert_array_equal(turned[:, ::-1], composite(image, alpha, background))


def test_in_place_is_the_same():
    image, background = noise(0, 8, 9), noise(1, 1, 9)
    alpha = np.random.default_rng(0).random((8, 9), np.float32)
    expected = composite(image, alpha, np.repeat(background, 8, axis=0))
    repeated = np.broadcast_to(background, image.shape)
    assert composite(image, alpha, repeated, in_place=True) is image
    np.testing.assert_array_equal(image, expected)
    with pytest.raises(InputError, match="in place"):
        composite(image[:, ::-1], alpha, repeated, in_place=True)


def test_alphas_beyond_zero_and_one_do_not_wrap():
    image, background = noise(0, 1, 5), noise(1, 1, 5)
    alpha = np.array([[-0.01, np.nan, 1.0001, 3.0, np.inf]], np.float32)
    made = composite(image, alpha, background)
    np.testing.assert_array_equal(made[:, :2], background[:, :2])
    np.testing.assert_array_equal(made[:, 2:], image[:, 2:])


@pytest.mark.parametrize(
    ("image", "alpha", "background"),
    [
        ((20, 30, 3), (400, 600), (20, 30, 3)),
        ((20, 30, 3), (10, 15), (20, 30, 3)),
        ((20, 30, 3), (30, 20), (20, 30, 3)),
        ((20, 30, 3), (20, 30), (10, 15, 3)),
        ((20, 30, 3), (20, 30), (1, 30, 3)),
        ((20, 30), (20, 30), (20, 30, 3)),
        ((20, 30, 4), (20, 30), (20, 30, 3)),
        ((20, 30, 3), (20, 30, 1), (20, 30, 3)),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(image, alpha, background):
    parts = np.zeros(image, "u1"), np.zeros(alpha, "f4"), np.zeros(background, "u1")
    with pytest.raises(InputError, match=r"composite|an image is uint8"):
        composite(*parts)


@pytest.mark.parametrize("types", ["f4 f4 u1", "u1 f8 u1", "u1 u1 u1", "u1 f4 i8"])
def test_other_types_are_refused(types):
    shapes = (4, 5, 3), (4, 5), (4, 5, 3)
    parts = map(np.zeros, shapes, types.split())
    with pytest.raises(InputError, match=r"composite|an image is uint8"):
        composite(*parts)
