from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dilo.augment import (
    VIEW_CHAINS,
    CopyPasteConfig,
    ViewConfig,
    apply_view,
    draw_view,
    train_view,
    view_rng,
)
from dilo.augment.crop import Box, crop_resize
from dilo.augment.parameters import centre_of, cover, draw_covering, move_box

WHOLE = Box(top=0, left=0, height=60, width=60)


def disc(centre=(30, 30), radius=8, size=60):
    rows, columns = np.mgrid[:size, :size]
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2
    return inside.astype(np.float32)


def paste(image, alpha, config, seed):
    drawn = draw_view((60, 60), VIEW_CHAINS["table1_centre_crop"], view_rng(0, 0, 0))
    drawn = replace(drawn, box=WHOLE, paste_seed=seed * 10**15)
    return apply_view(image, alpha, 60, drawn, config)


def test_no_shift_and_no_scale_leave_the_box():
    rng, still = np.random.default_rng(0), CopyPasteConfig()
    assert move_box(rng, WHOLE, disc(), (60, 60), still) == WHOLE


def test_the_object_moves_and_grows_within_its_limits():
    alpha = disc()
    image = np.full((60, 60, 3), 200, np.uint8)
    config = CopyPasteConfig(blending="none", shift=0.2, max_scale=1.5)
    centres, areas = [], []
    for seed in range(60):
        made = paste(image, alpha, config, seed)
        level = int(made[0, 0, 0])
        if abs(level - 200) < 30:
            continue
        found = np.abs(made[..., 0].astype(float) - level) > abs(200 - level) / 2
        centres.append(np.argwhere(found).mean(axis=0))
        areas.append(found.sum() / alpha.sum())
    apart = np.abs(np.array(centres) - 30).max(axis=0)
    assert (apart > 6).all()
    assert (apart < 14).all()  # a fifth of 60, and the rounding of the box
    assert 0.4 < min(areas) < 0.65  # 1 / 1.5 squared is 0.44
    assert 1.6 < max(areas) < 2.5


def test_the_image_moves_with_its_alpha():
    alpha = disc(radius=10)
    image = np.full((60, 60, 3), 0, np.uint8)
    image[disc(radius=14) > 0] = 255  # wider than the alpha
    config = CopyPasteConfig(blending="none", shift=0.3, max_scale=2)
    for seed in range(30):
        made = paste(image, alpha, config, seed)
        assert made.min() >= int(made[0, 0, 0]) - 1  # nothing black was pasted


@pytest.mark.parametrize("side", [6, 30, 60, 90])
def test_showing_a_box_is_scaling_it(side):
    rows, columns = np.mgrid[:60, :60]
    ramp = np.stack([2 * rows, 2 * columns, rows + columns], axis=2).astype(np.uint8)
    shown = crop_resize(ramp, WHOLE, (side, side)).astype(float)
    centres = (np.arange(side) + 0.5) * (60 / side) - 0.5
    inner = slice(side // 6, -side // 6)
    expected = np.broadcast_to(2 * centres[:, np.newaxis], (side, side))
    assert np.abs(shown[..., 0] - expected)[inner, inner].max() <= 1.1


@given(
    top=st.integers(-40, 40),
    left=st.integers(-40, 40),
    height=st.integers(1, 50),
    width=st.integers(1, 50),
)
def test_beyond_the_image_its_edge_goes_on(top, left, height, width):
    image = np.random.default_rng(0).integers(0, 256, (20, 25, 3), np.uint8)
    box = Box(top=top, left=left, height=height, width=width)
    rows = (top + np.arange(height)).clip(0, 19)
    columns = (left + np.arange(width)).clip(0, 24)
    whole = np.ascontiguousarray(image[np.ix_(rows, columns)])
    np.testing.assert_array_equal(crop_resize(image, box, (height, width)), whole)
    inner = Box(top=0, left=0, height=height, width=width)
    np.testing.assert_array_equal(
        crop_resize(image, box, (8, 8)), crop_resize(whole, inner, (8, 8))
    )


def test_cover_is_the_share_of_the_object_in_the_box():
    alpha = np.zeros((10, 10), np.float32)
    alpha[4:6, 2:8] = 1
    assert cover(alpha, (10, 10), Box(top=0, left=0, height=10, width=10)) == 1
    assert cover(alpha, (10, 10), Box(top=0, left=0, height=10, width=5)) == 0.5
    assert cover(alpha, (10, 10), Box(top=0, left=0, height=4, width=10)) == 0
    # Of a map at another size, in pixels of the image.
    box = Box(top=0, left=0, height=100, width=25)
    assert cover(alpha, (100, 100), box) == pytest.approx(0.5 / 6)
    assert cover(np.zeros((3, 3), np.float32), (3, 3), box) == 1


def test_the_centre_of_an_object():
    alpha = disc(centre=(20, 45), radius=5)
    assert centre_of(alpha, (60, 60)) == pytest.approx((20.5, 45.5))
    assert centre_of(alpha, (120, 30)) == pytest.approx((41, 22.75))
    assert centre_of(np.zeros((4, 4), np.float32), (10, 20)) == (5, 10)


def test_crops_show_the_least_of_the_object_that_was_asked_for():
    saliency = disc(centre=(10, 50), radius=7)
    image = np.zeros((60, 60, 3), np.uint8)
    free = ViewConfig()
    forced = replace(free, copy_paste=CopyPasteConfig(min_cover=0.6))
    shares = {free: [], forced: []}
    for config, found in shares.items():
        for index in range(100):
            rng = view_rng(0, 0, index)
            drawn = draw_view(image.shape[:2], config, rng, saliency=saliency)
            found.append(cover(saliency, (60, 60), drawn.box))
    assert min(shares[forced]) >= 0.6
    assert min(shares[free]) < 0.2
    # A crop that showed enough stays, and so does all the rest of the view.
    view = train_view(image, saliency, 8, forced, view_rng(0, 0, 1))
    np.testing.assert_array_equal(
        view, train_view(image, saliency, 8, forced, view_rng(0, 0, 1))
    )


def test_the_best_crop_is_taken_where_none_is_good_enough():
    alpha = np.ones((10, 10), np.float32)
    boxes = iter(
        Box(top=0, left=0, height=height, width=10) for height in (2, 5, 3, *[1] * 20)
    )
    best = draw_covering(lambda: next(boxes), alpha, (10, 10), 0.9)
    assert best.height == 5
