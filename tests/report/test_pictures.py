import base64

import numpy as np
import pytest

from dilo.errors import InputError
from dilo.image import read_image
from dilo.report.pictures import (
    LOSSLESS_SIDE,
    data_uri,
    display_size,
    fit,
    grey,
    heat,
    normalise_gradient,
    outline,
)


def noise(height, width):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def luminance(image):
    return image @ np.array([0.299, 0.587, 0.114])


def test_heat_rises_in_lightness():
    image = np.zeros((2, 256, 3), np.uint8)
    ramp = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[np.newaxis], 2, axis=0)
    steps = np.diff(luminance(heat(image, ramp))[0])
    assert steps.min() > -1.0  # rounding
    assert luminance(heat(image, ramp))[0, -1] > 150


def test_without_heat_the_image_is_grey():
    shown = heat(noise(6, 7), np.zeros((6, 7), np.float32))
    assert (shown == shown[..., :1]).all()


def test_heat_takes_a_map_of_another_size():
    assert heat(noise(40, 30), np.ones((4, 3), np.float32)).shape == (40, 30, 3)
    assert heat(noise(7, 5), np.ones((50, 41), np.float32)).shape == (7, 5, 3)


def test_grey_shows_a_map():
    shown = grey(np.array([[0, 0.5, 1]], np.float32))
    assert shown.tolist() == [[[0] * 3, [128] * 3, [255] * 3]]


def test_a_few_large_gradients_do_not_hide_the_others():
    gradient = np.full((20, 20), 0.1, np.float32)
    gradient[0, 0] = 50
    shown = normalise_gradient(gradient)
    assert shown.max() == 1
    assert shown.min() > 0.9
    assert not normalise_gradient(np.zeros((3, 3), np.float32)).any()
    single = np.zeros((20, 20), np.float32)
    single[3, 4] = 2
    assert normalise_gradient(single).sum() == 1


def test_gradients_are_checked():
    with pytest.raises(InputError, match="finite and not negative"):
        normalise_gradient(np.full((3, 3), -1, np.float32))
    with pytest.raises(InputError, match="is \\(H, W\\)"):
        normalise_gradient(np.zeros((3, 3, 3), np.float32))


def test_the_outline_is_drawn_at_the_rim_alone():
    image = np.full((60, 60, 3), 100, np.uint8)
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    drawn = outline(image, mask)
    assert (drawn[20, 20:40] == 255).all()
    assert (drawn[26:34, 26:34] == 100).all()
    assert (drawn[:10] == 100).all()
    assert (image == 100).all()


def test_small_pictures_are_kept_without_loss():
    image = noise(LOSSLESS_SIDE, 40)
    kind, _, content = data_uri(image).partition(";base64,")
    assert kind == "data:image/png"
    np.testing.assert_array_equal(read_image(base64.b64decode(content)), image)


def test_large_pictures_are_kept_small():
    y, x = np.mgrid[0:224, 0:224]
    image = np.stack([x, y, 255 - x], axis=2).astype(np.uint8)
    uri = data_uri(image)
    assert uri.startswith("data:image/webp;base64,")
    assert len(uri) < 10_000
    shown = read_image(base64.b64decode(uri.partition(",")[2]))
    assert np.abs(shown.astype(int) - image).mean() < 3


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((48, 48), (96, 96)), ((32, 16), (64, 128)), ((224, 112), (56, 112))],
)
def test_display_size(shape, expected):
    assert display_size(noise(*shape)) == expected


def test_pictures_fit_into_the_side():
    assert fit(noise(300, 100), 60).shape == (60, 20, 3)
    assert fit(noise(1, 500), 50).shape == (1, 50, 3)
    assert fit(noise(10, 12), 60).shape == (10, 12, 3)
    assert fit(noise(10, 12), 60, enlarge=True).shape == (50, 60, 3)
    assert fit(noise(80, 12), 60, enlarge=True).shape == (60, 9, 3)
