"""What every saliency method owes for any image whatever."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.image import check_map
from dilo.saliency import METHODS
from pictures import object_on_ground

EVERY = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
LONG = [(1, 300), (300, 1), (2, 257), (200, 3)]
SIZES = [(1, 1), (1, 7), (3, 2000), (2000, 3), (48, 48), (40, 60)]


@st.composite
def images(draw):
    """Small or long images: noise, one colour, or a few colours."""
    side = st.integers(1, 40)
    height, width = draw(st.one_of(st.tuples(side, side), st.sampled_from(LONG)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    colors = draw(st.sampled_from([1, 2, 3, 256]))
    if colors == 256:
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    palette = rng.integers(0, 256, (colors, 3), dtype=np.uint8)
    return palette[rng.integers(0, colors, (height, width))]


@EVERY
@settings(max_examples=25, deadline=None)
@given(image=images())
def test_any_image_has_a_map_and_stays_as_it_is(method, image):
    before = image.copy()
    saliency = method(image)
    check_map(saliency)
    assert saliency.shape == image.shape[:2]
    np.testing.assert_array_equal(image, before)
    if (image == image[0, 0]).all():
        assert not saliency.any()
    np.testing.assert_array_equal(method(image), saliency)


@EVERY
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("spread", [0, 2, 9], ids=["flat", "faint", "noise"])
def test_nothing_stands_out_of_faint_noise(method, size, spread):
    rng = np.random.default_rng(0)
    image = rng.integers(100, 101 + spread, (*size, 3), dtype=np.uint8)
    saliency = method(image)
    assert saliency.shape == size
    assert not saliency.any()


@EVERY
@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_one_colour_has_no_foreground(method, level):
    assert not method(np.full((31, 45, 3), level, np.uint8)).any()


@EVERY
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_strong_noise_has_a_map(method, size):
    check_map(method(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)))


@EVERY
@pytest.mark.parametrize("spread", [10, 30])
def test_noise_of_a_photograph_is_not_stretched(method, spread):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        image = rng.integers(100, 101 + spread, (192, 256, 3), dtype=np.uint8)
        assert not method(image).any()


@EVERY
@pytest.mark.parametrize(("height", "width"), [(48, 48), (120, 160), (30, 400)])
def test_object_stands_out(method, height, width):
    image, truth = object_on_ground(height, width)
    saliency = method(image)
    assert saliency[truth].mean() > 0.9
    assert saliency[~truth].mean() < 0.2
