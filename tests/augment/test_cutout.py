import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.augment.cutout import Cutout, Whole, lay_spans
from dilo.augment.jitter import apply_colour
from dilo.augment.planes import join, split
from dilo.augment.recolour import BRIGHTNESS, CONTRAST, GREY, HUE, SATURATION
from dilo.image import Image

STEPS = [(BRIGHTNESS, 1.3), (CONTRAST, 0.6), (SATURATION, 1.4), (HUE, 0.1), (GREY, 0)]


@st.composite
def cutouts(draw) -> Cutout:
    """Spans of any length in any column, or in none."""
    side = draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    spans = np.sort(rng.integers(0, side + 1, (side, 2)), axis=1).astype(np.uint64)
    spans[spans[:, 0] == spans[:, 1]] = 0
    shown = int((spans[:, 1] - spans[:, 0]).sum())
    levels = rng.integers(0, 256, (3, shown), np.uint8)
    return Cutout(levels, spans, rng.integers(0, 256, 3, np.uint8))


def written_over(cutout: Cutout, background: Image) -> Image:
    """The view of a cutout, written down column by column."""
    view = background.copy()
    pixels = cutout.levels.T
    for column, (first, end) in enumerate(cutout.spans.astype(int)):
        view[first:end, column] = pixels[: end - first]
        pixels = pixels[end - first :]
    return view


def on_its_colour(cutout: Cutout) -> Image:
    side = len(cutout.spans)
    return written_over(cutout, np.full((side, side, 3), cutout.colour))


@given(cutout=cutouts())
@settings(max_examples=50, deadline=None)
def test_it_is_laid_on_its_colour(cutout):
    np.testing.assert_array_equal(cutout.laid(), on_its_colour(cutout))


@given(cutout=cutouts())
@settings(max_examples=50, deadline=None)
def test_it_is_laid_over_a_picture(cutout):
    side = len(cutout.spans)
    picture = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    columns = picture.transpose(1, 2, 0).ravel()
    laid = join(lay_spans(cutout.levels, cutout.spans, columns))
    np.testing.assert_array_equal(laid, written_over(cutout, picture))


@pytest.mark.parametrize("steps", [[], STEPS[:2], STEPS[1:], STEPS[::-1]], ids=str)
@given(cutout=cutouts())
@settings(max_examples=30, deadline=None)
def test_it_is_recoloured_as_its_view_is(cutout, steps):
    known = cutout.recoloured(steps).laid()
    unknown = Whole(split(on_its_colour(cutout))).recoloured(steps).laid()
    np.testing.assert_array_equal(known, unknown)
    np.testing.assert_array_equal(known, apply_colour(on_its_colour(cutout), steps))
