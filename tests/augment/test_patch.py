import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.augment.blur import gaussian_blur
from dilo.augment.jitter import BRIGHTNESS, CONTRAST, GREY, HUE, SATURATION
from dilo.augment.jitter import apply_colour as recolour
from dilo.augment.patch import Patch
from dilo.image import Image

STEPS = [(BRIGHTNESS, 1.3), (CONTRAST, 0.6), (SATURATION, 1.4), (HUE, 0.1), (GREY, 0)]


@st.composite
def patches(draw) -> Patch:
    side = draw(st.integers(1, 24))
    top, left = draw(st.integers(0, side - 1)), draw(st.integers(0, side - 1))
    height = draw(st.integers(1, side - top))
    width = draw(st.integers(1, side - left))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    return Patch(pixels, top, left, side, rng.integers(0, 256, 3, np.uint8))


def laid_out(patch: Patch) -> Image:
    """The view of a patch, written down pixel by pixel."""
    view = np.empty((patch.side, patch.side, 3), np.uint8)
    view[:] = patch.colour
    height, width = patch.pixels.shape[:2]
    view[patch.top : patch.top + height, patch.left : patch.left + width] = patch.pixels
    return view


@given(patches())
@settings(max_examples=50, deadline=None)
def test_a_patch_is_a_part_of_its_view(patch):
    np.testing.assert_array_equal(patch.whole(), laid_out(patch))


@pytest.mark.parametrize("steps", [[], STEPS[:2], STEPS[1:], STEPS[::-1]], ids=str)
@given(patch=patches())
@settings(max_examples=30, deadline=None)
def test_a_patch_is_recoloured_as_its_view_is(patch, steps):
    expected = recolour(laid_out(patch), steps)
    np.testing.assert_array_equal(patch.recoloured(steps).whole(), expected)


@given(patch=patches(), sigma=st.sampled_from([0.1, 0.4, 1.0, 2.0]))
@settings(max_examples=100, deadline=None)
def test_a_patch_is_blurred_as_its_view_is(patch, sigma):
    blurred = patch.blurred(sigma).whole().astype(int)
    # Of the same sums, which the processor may round otherwise at another place.
    assert np.abs(blurred - gaussian_blur(laid_out(patch), sigma)).max() <= 1
    assert (blurred != gaussian_blur(laid_out(patch), sigma)).mean() < 0.01


@given(patches())
@settings(max_examples=50, deadline=None)
def test_a_patch_is_flipped_as_its_view_is(patch):
    np.testing.assert_array_equal(patch.flipped().whole(), laid_out(patch)[:, ::-1])


def test_all_steps_together_are_those_of_the_view():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (30, 20, 3), np.uint8)
    patch = Patch(pixels, 0, 25, 48, np.array([20, 120, 220], np.uint8))
    view = recolour(laid_out(patch), STEPS[:4])
    expected = gaussian_blur(view, 1.5)[:, ::-1].astype(int)
    made = patch.recoloured(STEPS[:4]).blurred(1.5).flipped()
    assert made.pixels.shape == (30 + 5, 5 + 20 + 3, 3)  # no more than it takes
    assert np.abs(made.whole() - expected).max() <= 1
    whole = Patch.of(laid_out(patch)).recoloured(STEPS[:4]).blurred(1.5).flipped()
    np.testing.assert_array_equal(whole.whole(), expected)
