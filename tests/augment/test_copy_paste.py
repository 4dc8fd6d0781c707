import json

import numpy as np
import pytest

from dilo.augment import (
    CopyPasteConfig,
    ViewConfig,
    composite,
    draw_view,
    map_to_alpha,
    view_rng,
)
from dilo.augment.copy_paste import paste_probability
from dilo.config import from_dict, to_dict
from dilo.errors import InputError


def test_alpha_one_shows_the_image_and_zero_the_background():
    rng = np.random.default_rng(0)
    image, background = rng.integers(0, 256, (2, 4, 6, 3), np.uint8)
    alpha = np.zeros((4, 6), np.float32)
    alpha[:, 3:] = 1
    result = composite(image, alpha, background)
    np.testing.assert_array_equal(result[:, 3:], image[:, 3:])
    np.testing.assert_array_equal(result[:, :3], background[:, :3])
    assert result.dtype == np.uint8


def test_half_alpha_is_the_rounded_mean():
    image = np.full((1, 1, 3), 101, np.uint8)
    background = np.full((1, 1, 3), 200, np.uint8)
    half = np.full((1, 1), 0.5, np.float32)
    # The mean is 150.5, and halves go up.
    assert composite(image, half, background).tolist() == [[[151, 151, 151]]]


def test_curve_maps_low_to_zero_and_high_to_one():
    config = CopyPasteConfig(alpha_low=0.2, alpha_high=0.6)
    saliency = np.array([[0.0, 0.2, 0.4, 0.6, 1.0]], np.float32)
    expected = np.array([[0, 0, 0.5, 1, 1]], np.float32)
    alpha = map_to_alpha(saliency, config)
    np.testing.assert_allclose(alpha, expected, atol=1e-6)
    assert alpha.dtype == np.float32
    raw = CopyPasteConfig(alpha_low=0.0, alpha_high=1.0)
    np.testing.assert_array_equal(map_to_alpha(saliency, raw), saliency)


def test_the_probability_rises_evenly_along_the_ramp():
    config = CopyPasteConfig(probability=0.5, ramp=0.4)
    rising = [paste_probability(config, progress) for progress in (0, 0.1, 0.2, 0.4, 1)]
    assert rising == pytest.approx([0, 0.125, 0.25, 0.5, 0.5])
    at_once = CopyPasteConfig(probability=0.5, ramp=0.0)
    assert [paste_probability(at_once, progress) for progress in (0, 1)] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("probability", -0.1, r"probability must be in \[0, 1\], got -0.1"),
        ("probability", 1.5, "got 1.5"),
        ("probability", float("nan"), "got nan"),
        ("ramp", 1.5, r"ramp must be in \[0, 1\], got 1.5"),
        ("background", "snow", "background must be one of grey.*'snow'"),
        ("blending", "poisson", "none, gaussian, mix, got 'poisson'"),
        ("blur", 1.5, "blur must be in"),
        ("shift", -0.1, "shift must be in"),
        ("max_scale", 0.5, r"max_scale must be in \[1, 10\], got 0.5"),
        ("max_scale", 10.5, r"max_scale must be in \[1, 10\], got 10.5"),
        ("max_scale", float("nan"), "max_scale"),
        ("min_cover", 1.5, "min_cover must be in"),
        ("missing", "ignore", "missing must be one of keep, refuse, got 'ignore'"),
        ("background", "texture", "texture needs textures, a folder of pictures"),
        ("background", "mined", "mined needs bank, .* mine-backgrounds"),
        ("alpha_low", 1.0, "must be in .* and rise, got 1.0 and 0.4"),
        ("alpha_high", 1.1, "got 0.1 and 1.1"),
    ],
)
def test_bad_values_are_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        CopyPasteConfig(**{field: value})


def test_config_comes_back_from_json():
    config = CopyPasteConfig(probability=0.3, blending="none", alpha_low=0.1)
    text = json.dumps(to_dict(config))
    assert from_dict(CopyPasteConfig, json.loads(text)) == config


def test_the_views_of_an_image_are_pasted_independently():
    config = ViewConfig(copy_paste=CopyPasteConfig(probability=0.3, ramp=0.0))
    pasted = np.empty((2000, 2))
    for index in range(len(pasted)):
        rng = view_rng(0, 0, index)
        for view in range(2):
            drawn = draw_view((30, 40), config, rng)
            pasted[index, view] = drawn.paste_seed is not None
    np.testing.assert_allclose(pasted.mean(axis=0), 0.3, atol=0.04)
    assert pasted.prod(axis=1).mean() == pytest.approx(0.09, abs=0.025)
