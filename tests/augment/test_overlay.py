import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dilo.augment.box import Box
from dilo.augment.overlay import composite, composite_view
from dilo.augment.resample import crop_map
from dilo.augment.shown import sample_places


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


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


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9) | st.integers(16, 70)),
    place=st.tuples(st.integers(-20, 30), st.integers(-20, 450)),
    extent=st.tuples(st.integers(16, 54), st.integers(16, 280)),
    seed=st.integers(0, 99),
)
@example(size=(4, 70), place=(0, 0), extent=(40, 112), seed=0)  # of 17 columns
@settings(max_examples=300, deadline=None)
def test_the_kernel_agrees_with_its_slow_twin(size, place, extent, seed):
    alpha = np.random.default_rng(seed).random(size, np.float32)
    view, background = noise(seed, 9, 40), noise(seed + 1, 9, 40)
    box = Box(top=place[0], left=place[1], height=extent[0], width=extent[1])
    shape = (6 * size[0], 7 * size[1])
    steps = (extent[0] / 9 / 6, extent[1] / 40 / 7)
    if max(steps) > 1:  # is reduced first
        return
    made = composite_view(view, alpha, shape, box, background)
    places = sample_places(size, shape, box, view.shape)
    rows, columns = ([p.first + i * p.step for i in range(p.number)] for p in places)
    weight = slow_alpha(alpha, rows, columns)[..., np.newaxis]
    exact = background + weight * (view.astype(float) - background)
    assert np.abs(made - exact).max() <= 0.55


def test_views_are_composited_as_the_map_scaled_alike():
    view, background = noise(0, 24, 24), noise(1, 24, 24)
    alpha = np.random.default_rng(2).random((60, 80), np.float32)
    box = Box(top=5, left=7, height=50, width=40)
    made = composite_view(view, alpha, (60, 80), box, background)
    weights = crop_map(alpha, box, 24)
    np.testing.assert_array_equal(made, composite(view, weights, background))


@pytest.mark.parametrize("size", [(30, 40), (120, 160), (240, 320)])
def test_a_map_of_another_size_gives_nearly_the_same(size):
    rows, columns = (np.mgrid[: size[0], : size[1]] + 0.5) / size[0]
    smooth = (0.5 + 0.5 * np.sin(9 * rows) * np.cos(7 * columns)).astype(np.float32)
    rows, columns = (np.mgrid[:120, :160] + 0.5) / 120
    same = (0.5 + 0.5 * np.sin(9 * rows) * np.cos(7 * columns)).astype(np.float32)
    view, background = noise(0, 32, 32), noise(1, 32, 32)
    box = Box(top=11, left=30, height=90, width=80)
    made = composite_view(view, smooth, (120, 160), box, background)
    expected = composite_view(view, same, (120, 160), box, background)
    assert np.abs(made.astype(int) - expected).mean() < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_maps_and_views_of_one_pixel(size):
    alpha = np.ones(size, np.float32)
    view, background = noise(0, 1, 1), noise(1, 1, 1)
    box = Box(top=0, left=0, height=1, width=1)
    np.testing.assert_array_equal(
        composite_view(view, alpha, size, box, background), view
    )


def test_pictures_need_not_be_contiguous():
    image, background = noise(0, 8, 9), noise(1, 8, 9)
    alpha = np.random.default_rng(0).random((8, 9), np.float32)
    turned = composite(image[:, ::-1], alpha[:, ::-1], background[:, ::-1])
    np.testing.assert_array_equal(turned[:, ::-1], composite(image, alpha, background))
