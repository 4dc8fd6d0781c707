"""What a view shows of an alpha, and the curve that makes it of a map."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dilo.augment import CopyPasteConfig, map_to_alpha
from dilo.augment.alpha import view_alpha
from dilo.augment.crop import Box
from dilo.errors import InputError


def slow_alpha(alpha, rows, columns):
    """Read an alpha at (rows, columns) bilinearly, 0 outside, pixel by pixel."""
    height, width = alpha.shape
    padded = np.pad(alpha, 1, mode="edge").astype(np.float64)
    result = np.zeros((len(rows), len(columns)))
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            if not (-0.5 <= row <= height - 0.5 and -0.5 <= column <= width - 0.5):
                continue
            top, left = int(np.floor(row)), int(np.floor(column))
            below, right = row - top, column - left
            for dy, part in ((0, 1 - below), (1, below)):
                for dx, share in ((0, 1 - right), (1, right)):
                    if part * share > 0:
                        value = padded[top + dy + 1, left + dx + 1]
                        result[y, x] += part * share * value
    return result


def places(start: int, length: int, count: int, scale: float) -> np.ndarray:
    """The centres of the pixels of a view, in pixels of a map."""
    return (start + (np.arange(count) + 0.5) * length / count) / scale - 0.5


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9) | st.integers(16, 70)),
    place=st.tuples(st.integers(-20, 30), st.integers(-20, 450)),
    extent=st.tuples(st.integers(16, 54), st.integers(16, 240)),
    seed=st.integers(0, 99),
)
@example(size=(4, 70), place=(0, 0), extent=(40, 112), seed=0)
@settings(max_examples=300, deadline=None)
def test_a_coarse_alpha_is_sampled_as_by_its_slow_twin(size, place, extent, seed):
    alpha = np.random.default_rng(seed).random(size, np.float32)
    box = Box(top=place[0], left=place[1], height=extent[0], width=extent[1])
    shape = (6 * size[0], 6 * size[1])
    shown = view_alpha(alpha, shape, box, (9, 40))
    rows, columns = (
        places(place[0], extent[0], 9, 6),
        places(place[1], extent[1], 40, 6),
    )
    np.testing.assert_allclose(shown, slow_alpha(alpha, rows, columns), atol=1e-4)


@pytest.mark.parametrize("size", [(30, 40), (120, 160), (240, 320)])
def test_a_map_of_another_size_gives_nearly_the_same(size):
    def smooth(height: int, width: int) -> np.ndarray:
        rows, columns = (np.mgrid[:height, :width] + 0.5) / height
        return (0.5 + 0.5 * np.sin(9 * rows) * np.cos(7 * columns)).astype(np.float32)

    box = Box(top=11, left=30, height=90, width=80)
    shown = view_alpha(smooth(*size), (120, 160), box, (32, 32))
    expected = view_alpha(smooth(120, 160), (120, 160), box, (32, 32))
    assert np.abs(shown - expected).mean() < 0.004


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_an_alpha_of_one_is_one_wherever_the_image_is(size):
    shape = 20 * size[0], 20 * size[1]
    box = Box(top=2, left=-4, height=10, width=12)
    shown = view_alpha(np.ones(size, np.float32), shape, box, (5, 6))
    np.testing.assert_allclose(shown[:, 2:], 1, rtol=1e-6)
    assert not shown[:, :2].any()  # beyond the image
    beside = Box(top=300, left=0, height=10, width=12)
    for alpha in (np.ones(size, np.float32), np.ones(shape, np.float32)):
        assert not view_alpha(alpha, shape, beside, (5, 6)).any()


def test_an_alpha_of_the_images_size_ends_where_the_crop_does():
    alpha = np.zeros((20, 20), np.float32)
    alpha[5:15, 5:15] = 1
    box = Box(top=5, left=5, height=10, width=10)
    for side in (4, 10, 31):
        shown = view_alpha(alpha, (20, 20), box, (side, side))
        np.testing.assert_allclose(shown, 1, rtol=1e-6)


@pytest.mark.parametrize("curve", [(0.0, 1.0), (0.1, 0.4)])
def test_values_beyond_zero_and_one_are_clipped_by_any_curve(curve):
    config = CopyPasteConfig(alpha_low=curve[0], alpha_high=curve[1])
    saliency = np.array([[-0.01, 0.0, 1.0, 1.0001, 1.5]], np.float32)
    assert map_to_alpha(saliency, config).tolist() == [[0, 0, 1, 1, 1]]


@pytest.mark.parametrize(
    "alpha", [np.ones((4, 5)), np.ones((4, 5, 1), "f4"), np.ones((0, 5), "f4"), [[1.0]]]
)
def test_what_is_no_map_is_refused(alpha):
    box = Box(top=0, left=0, height=4, width=5)
    with pytest.raises(InputError, match="a map is"):
        view_alpha(alpha, (4, 5), box, (4, 4))
    with pytest.raises(InputError, match="a map is"):
        map_to_alpha(alpha, CopyPasteConfig())
