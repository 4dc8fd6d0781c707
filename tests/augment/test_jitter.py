import colorsys

import numpy as np
import PIL.Image
import pytest
import torch
import torchvision.transforms.v2.functional as functional
from hypothesis import given
from hypothesis import strategies as st

import reference
from dilo.augment.color_jitter import (
    BRIGHTNESS,
    CONTRAST,
    GREY,
    HUE,
    SATURATION,
    adjust_colour,
    draw_jitter,
)
from dilo.errors import InputError


def random_image() -> np.ndarray:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (16, 16, 3), np.uint8)
    image[0] = image[0, :, :1]  # greys, where the hue is not defined
    image[1] = np.eye(3, dtype=np.uint8)[np.arange(16) % 3] * 255
    return image


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
@pytest.mark.parametrize(
    ("step", "adjust"),
    [
        (BRIGHTNESS, functional.adjust_brightness),
        (CONTRAST, functional.adjust_contrast),
        (SATURATION, functional.adjust_saturation),
    ],
)
def test_blending_agrees_with_torchvision(step, adjust, factor):
    image = random_image()
    theirs = adjust(torch.from_numpy(image).permute(2, 0, 1), factor)
    ours = adjust_colour(image, [(step, factor)])
    assert difference(ours, theirs.permute(1, 2, 0).numpy()) <= 2


@pytest.mark.parametrize("turn", [-0.5, -0.3, -0.05, 0.0, 0.1, 0.4, 0.5])
def test_hue_agrees_with_torchvision_and_the_slow_twin(turn):
    image = random_image()
    theirs = functional.adjust_hue(torch.from_numpy(image).permute(2, 0, 1), turn)
    ours = adjust_colour(image, [(HUE, turn)])
    assert difference(ours, theirs.permute(1, 2, 0).numpy()) <= 2
    assert np.abs(ours - reference.turn_hue(image, turn)).max() <= 0.51


def test_a_third_of_the_circle_turns_red_into_green():
    red = np.zeros((1, 1, 3), np.uint8)
    red[..., 0] = 255
    assert adjust_colour(red, [(HUE, 1 / 3)]).tolist() == [[[0, 255, 0]]]
    assert colorsys.hsv_to_rgb(1 / 3, 1, 1) == (0, 1, 0)


def test_steps_come_in_the_drawn_order():
    image = np.full((2, 2, 3), 200, np.uint8)
    image[0] = 100
    steps = [(BRIGHTNESS, 2.0), (CONTRAST, 0.0)]
    bright_first = adjust_colour(image, steps)
    flat_first = adjust_colour(image, steps[::-1])
    assert (bright_first == 228).all()  # mean of 200 and the clipped 255
    assert (flat_first == 255).all()  # mean 150, doubled and clipped


def test_neutral_parameters_change_nothing():
    neutral = [(HUE, 0.0), (CONTRAST, 1.0), (BRIGHTNESS, 1.0), (SATURATION, 1.0)]
    image = random_image()
    assert difference(adjust_colour(image, neutral), image) == 0


def test_what_is_no_image_and_no_step_is_refused():
    with pytest.raises(InputError, match=r"an image is uint8 \(H, W, 3\), got float32"):
        adjust_colour(random_image().astype(np.float32), [(GREY, 0.0)])
    with pytest.raises(InputError, match="steps of colour are 0 to 4, got"):
        adjust_colour(random_image(), [(7, 0.5)])


@given(seed=st.integers(0, 10**6), strength=st.floats(0, 1))
def test_parameters_lie_around_neutral(seed, strength):
    hue = strength / 2
    steps = draw_jitter(
        np.random.default_rng(seed), (strength, strength, strength, hue)
    )
    factors = dict(steps)
    assert sorted(factors) == [BRIGHTNESS, CONTRAST, SATURATION, HUE]
    assert abs(factors.pop(HUE)) <= hue
    assert all(abs(factor - 1) <= strength + 1e-15 for factor in factors.values())


def test_grey_agrees_with_torchvision():
    image = random_image()
    theirs = functional.rgb_to_grayscale(torch.from_numpy(image).permute(2, 0, 1), 3)
    assert (
        difference(adjust_colour(image, [(GREY, 0.0)]), theirs.permute(1, 2, 0).numpy())
        <= 1
    )


@pytest.mark.parametrize("factor", [0.0, 0.6, 0.93, 1.4])
@pytest.mark.parametrize(
    ("step", "adjust"),
    [
        (BRIGHTNESS, functional.adjust_brightness),
        (CONTRAST, functional.adjust_contrast),
        (SATURATION, functional.adjust_saturation),
    ],
)
def test_blending_gives_the_levels_of_pillow(step, adjust, factor):
    image = random_image()
    theirs = np.asarray(adjust(PIL.Image.fromarray(image), factor))
    ours = adjust_colour(image, [(step, factor)])
    np.testing.assert_array_equal(ours, theirs)


def test_grey_gives_the_levels_of_pillow():
    image = random_image()
    theirs = functional.rgb_to_grayscale(PIL.Image.fromarray(image), 3)
    assert difference(adjust_colour(image, [(GREY, 0.0)]), np.asarray(theirs)) == 0


@pytest.mark.parametrize("turn", [-0.37, -0.1, 0.05, 0.25])
def test_hue_is_nearer_to_the_truth_than_pillows(turn):
    image = random_image()
    exact = reference.turn_hue(image, turn)
    theirs = np.asarray(functional.adjust_hue(PIL.Image.fromarray(image), turn))
    ours = adjust_colour(image, [(HUE, turn)])
    # Pillow has 256 hues, and as many saturations.
    assert np.abs(ours - exact).mean() < 0.3 < 0.5 < np.abs(theirs - exact).mean()
