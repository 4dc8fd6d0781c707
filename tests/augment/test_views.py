import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.augment import (
    BACKGROUNDS,
    CopyPasteConfig,
    ViewConfig,
    apply_view,
    centre_view,
    composite,
    draw_view,
    train_view,
    view_rng,
)
from dilo.augment.alpha import view_alpha
from dilo.augment.crop import Box, crop_resize
from dilo.augment.parameters import draw_crop
from dilo.config import from_dict, to_dict
from dilo.data.synthetic import SceneConfig, make_scene
from dilo.errors import InputError

PLAIN = ViewConfig(grey_probability=0, jitter_probability=0, flip_probability=0)


def with_paste(config: ViewConfig, **fields: object) -> ViewConfig:
    return replace(config, copy_paste=CopyPasteConfig(**fields))


def scene(index: int = 0) -> tuple[np.ndarray, np.ndarray]:
    made = make_scene(SceneConfig(size=64), index)
    return made.image, made.mask.astype(np.float32)


def soft_map(shape: tuple[int, int]) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (0.5 + 0.5 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.float32)


@given(top=st.integers(0, 20), left=st.integers(0, 20), side=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_cropping_then_compositing_is_compositing_then_cropping(top, left, side):
    image, _ = scene()
    background, _ = scene(1)
    alpha = soft_map(image.shape[:2])
    box = Box(top=top, left=left, height=side, width=side)
    size = side, side
    shown, below = (crop_resize(pixels, box, size) for pixels in (image, background))
    parts = shown, view_alpha(alpha, alpha.shape, box, size), below
    whole = crop_resize(composite(image, alpha, background), box, size)
    np.testing.assert_array_equal(composite(*parts), whole)


def test_image_and_map_stay_aligned(monkeypatch):
    monkeypatch.setitem(
        BACKGROUNDS, "grey", lambda rng, size, *_: np.full((*size, 3), 200, np.uint8)
    )
    saliency = np.zeros((50, 70), np.float32)
    saliency[10:35, 20:45] = 1
    image = np.repeat(saliency[..., np.newaxis] * 255, 3, axis=2).astype(np.uint8)
    config = with_paste(replace(PLAIN, flip_probability=0.5), probability=1.0)
    config = replace(config, copy_paste=replace(config.copy_paste, blending="none"))
    for index in range(50):
        view = train_view(image, saliency, 24, config, view_rng(0, 0, index))
        # The black around the object would shine through a map that lies elsewhere.
        assert view.min() >= 150


def test_a_map_of_ones_gives_the_view_without_a_map():
    image, _ = scene()
    ones = np.ones(image.shape[:2], np.float32)
    config = with_paste(ViewConfig(), probability=1.0)
    for index in range(20):
        pasted = train_view(image, ones, 32, config, view_rng(3, 1, index))
        plain = train_view(image, None, 32, config, view_rng(3, 1, index))
        np.testing.assert_array_equal(pasted, plain)


@pytest.mark.parametrize(("probability", "flat"), [(0.0, 0), (1.0, 60)])
def test_probability_zero_never_pastes_and_one_always(probability, flat):
    image, _ = scene()
    empty = np.zeros(image.shape[:2], np.float32)  # leaves nothing but background
    config = with_paste(ViewConfig(), probability=probability)
    count = 0
    for index in range(60):
        view = train_view(image, empty, 16, config, view_rng(0, 0, index))
        count += bool((view == view[0, 0]).all())
        if probability == 0:
            plain = train_view(image, None, 16, config, view_rng(0, 0, index))
            np.testing.assert_array_equal(view, plain)
    assert count == flat


def test_half_of_the_views_are_pasted_by_default():
    image, _ = scene()
    empty = np.zeros(image.shape[:2], np.float32)
    views = (
        train_view(image, empty, 8, ViewConfig(), view_rng(0, 0, index))
        for index in range(400)
    )
    assert 160 < sum((view == view[0, 0]).all() for view in views) < 240


def test_views_are_uint8_squares_that_depend_on_the_stream_alone():
    image, mask = scene()
    before = image.copy(), mask.copy()
    view = train_view(image, mask, 24, ViewConfig(), view_rng(1, 2, 3))
    assert view.shape == (24, 24, 3)
    assert view.dtype == np.uint8
    assert view.flags.c_contiguous
    again = train_view(image, mask, 24, ViewConfig(), view_rng(1, 2, 3))
    np.testing.assert_array_equal(view, again)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


def test_every_seed_epoch_and_index_has_its_own_stream():
    draws = {
        view_rng(seed, epoch, index).integers(2**63)
        for seed in range(6)
        for epoch in range(6)
        for index in range(6)
    }
    assert len(draws) == 6**3


@given(
    height=st.integers(1, 300), width=st.integers(1, 300), seed=st.integers(0, 10**6)
)
@settings(max_examples=200, deadline=None)
def test_crops_lie_in_the_image_and_keep_to_area_and_aspect(height, width, seed):
    config = ViewConfig()
    box = draw_crop(np.random.default_rng(seed), (height, width), config)
    assert 0 <= box.top <= height - box.height
    assert 0 <= box.left <= width - box.width
    assert min(box.height, box.width) >= 1
    # Sides are whole pixels, hence the half pixel.
    assert (box.width - 0.5) / (box.height + 0.5) <= config.max_aspect
    assert (box.height - 0.5) / (box.width + 0.5) <= config.max_aspect
    if max(height, width) <= 2 * min(height, width):
        area = (box.height + 0.5) * (box.width + 0.5)
        assert area >= config.min_area * height * width


def test_of_a_very_long_image_the_centre_is_taken():
    box = draw_crop(np.random.default_rng(0), (30, 3000), ViewConfig())
    assert box == Box(top=0, left=1480, height=30, width=40)


def test_soft_map_is_resampled_smoothly():
    saliency = np.array([[0, 1], [0, 1]], np.float32)
    box = Box(top=0, left=0, height=2, width=2)
    large = view_alpha(saliency, (2, 2), box, (8, 8))
    np.testing.assert_allclose(
        large[0], [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1], atol=1e-6
    )


def test_centre_view_of_256_is_the_central_224():
    image = np.random.default_rng(0).integers(0, 256, (256, 300, 3), np.uint8)
    np.testing.assert_array_equal(centre_view(image, 224), image[16:240, 38:262])
    assert centre_view(image[:1, :5], 8).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("min_area", 1.5, r"min_area must be in \[0, 1\], got 1.5"),
        ("grey_probability", -1.0, "grey_probability"),
        ("jitter_probability", 2.0, "jitter_probability"),
        ("flip_probability", float("nan"), "flip_probability.* got nan"),
        ("max_aspect", 0.9, "max_aspect must be at least 1, got 0.9"),
        ("max_aspect", float("nan"), "max_aspect"),
        ("jitter", (0.4, 0.4, 0.4), "jitter is four strengths"),
        ("jitter", (0.4, 0.4, 0.4, 0.6), "hue in"),
        ("jitter", (0.4, -0.4, 0.4, 0.1), "got .*-0.4"),
        ("jitter", (1.4, 0.4, 0.4, 0.1), "got .*1.4"),
        ("jitter", (float("nan"), 0.4, 0.4, 0.1), "got .*nan"),
    ],
)
def test_bad_values_are_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        ViewConfig(**{field: value})


def test_config_comes_back_from_json():
    config = with_paste(ViewConfig(jitter=(0.1, 0.2, 0.3, 0.4)), probability=0.2)
    assert from_dict(ViewConfig, json.loads(json.dumps(to_dict(config)))) == config


def test_parameters_of_another_image_are_refused():
    drawn = draw_view((480, 640), PLAIN, view_rng(0, 0, 0))
    with pytest.raises(InputError, match="parameters drawn for another image"):
        apply_view(np.zeros((60, 80, 3), np.uint8), None, 32, drawn, CopyPasteConfig())


@pytest.mark.parametrize(
    ("image", "saliency", "crop_size"),
    [
        (np.zeros((6, 8), "u1"), None, 4),
        (np.zeros((6, 8, 3), "f4"), None, 4),
        (np.zeros((6, 8, 3), "u1"), None, 0),
        (np.zeros((6, 8, 3), "u1"), np.ones((6, 8)), 4),
        (np.zeros((6, 8, 3), "u1"), np.ones((6, 8, 1), "f4"), 4),
        (np.zeros((6, 8, 3), "u1"), np.ones((8, 6), "f4"), 4),
    ],
)
def test_what_makes_no_view_is_refused(image, saliency, crop_size):
    config = with_paste(PLAIN, probability=1.0)
    with pytest.raises(InputError):
        train_view(image, saliency, crop_size, config, view_rng(0, 0, 0))


def test_an_alpha_just_above_one_is_opaque_with_the_raw_curve():
    image, _ = scene()
    ones = np.ones(image.shape[:2], np.float32)
    config = with_paste(PLAIN, probability=1.0, alpha_low=0.0, alpha_high=1.0)
    expected = train_view(image, ones, 32, config, view_rng(0, 0, 0))
    above = ones * np.float32(1.0001)
    made = train_view(image, above, 32, config, view_rng(0, 0, 0))
    np.testing.assert_array_equal(made, expected)
