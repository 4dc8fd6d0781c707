import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.augment.alpha import view_alpha
from dilo.augment.crop import Box, crop_resize, find_taps
from dilo.errors import InputError

BOXES = [
    (Box(top=0, left=0, height=90, width=120), 224),  # enlarged
    (Box(top=7, left=11, height=80, width=101), 40),  # reduced
    (Box(top=3, left=20, height=87, width=30), 48),  # one side reduced
    (Box(top=5, left=6, height=1, width=50), 16),
    (Box(top=5, left=6, height=33, width=33), 33),
    (Box(top=89, left=119, height=1, width=1), 8),
]


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)


def theirs(pixels: torch.Tensor, box: Box, side: int) -> torch.Tensor:
    inner = box.top, box.left, box.height, box.width
    return functional.resized_crop(pixels, *inner, [side, side], antialias=True)


@pytest.mark.parametrize(("box", "side"), BOXES)
def test_scaling_agrees_with_torchvision(box, side):
    image = noise()
    expected = theirs(torch.from_numpy(image).permute(2, 0, 1), box, side)
    ours = crop_resize(image, box, (side, side))
    apart = np.abs(ours.astype(int) - expected.permute(1, 2, 0).numpy())
    assert ours.flags.c_contiguous
    assert apart.mean() < 0.35  # both round twice, at other places
    assert apart.max() <= 2


@pytest.mark.parametrize(("box", "side"), BOXES)
def test_an_image_is_scaled_as_its_levels_are_in_double_precision(box, side):
    image = noise()
    exact = slow_crop(image, box, side)
    apart = crop_resize(image, box, (side, side)) - exact
    # Of the levels between, which are rounded too, some go to the other side.
    assert np.abs(apart).max() < 1.5
    assert (np.abs(apart) > 0.53).mean() < 0.01
    assert abs(apart.mean()) < 0.05


def slow_crop(image: np.ndarray, box: Box, side: int) -> np.ndarray:
    """Round once between, as levels are."""
    cut = image[box.top :, box.left :][: box.height, : box.width].astype(float)
    rows = np.floor(np.tensordot(matrix(box.height, side), cut, 1) + 0.5)
    return np.tensordot(matrix(box.width, side), rows, (1, 1)).transpose(1, 0, 2)


def matrix(length: int, count: int) -> np.ndarray:
    first, weights = find_taps(0, length, count, (0, length))
    full = np.zeros((count, length))
    for new, begin in enumerate(first):
        full[new, begin : begin + weights.shape[1]] = weights[new]
    return full


@pytest.mark.parametrize("box", [box for box, _ in BOXES])
def test_what_is_flat_stays_as_it_is(box):
    for level in (0, 1, 127, 254, 255):
        image = np.full((90, 120, 3), level, np.uint8)
        for side in (1, 2, 7, 224):
            assert (crop_resize(image, box, (side, side)) == level).all()


@pytest.mark.parametrize(("box", "side"), BOXES)
def test_a_map_is_scaled_as_by_torchvision_without_rounding(box, side):
    saliency = noise()[..., 0].astype(np.float32) / 255
    expected = theirs(torch.from_numpy(saliency)[None], box, side)[0]
    ours = view_alpha(saliency, saliency.shape, box, (side, side))
    np.testing.assert_allclose(ours, expected.numpy(), atol=1e-5)


@given(length=st.integers(1, 400), count=st.integers(1, 300))
@settings(max_examples=200, deadline=None)
def test_weights_are_means_of_pixels_within_the_box(length, count):
    first, weights = find_taps(0, length, count, (0, length))
    assert len(first) == len(weights) == count
    assert first.min() >= 0
    assert first.max() + weights.shape[1] <= length
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    places = first[:, np.newaxis] + np.arange(weights.shape[1]) + 0.5
    middle = (weights * places).sum(axis=1)
    if count <= length:  # else those at the ends have neighbours on one side only
        inner = slice(1, -1) if count > 2 else slice(0)
        centres = (np.arange(count) + 0.5) * length / count
        assert np.abs(middle - centres)[inner].max(initial=0) < 0.5


def test_nothing_beyond_the_box_shines_in():
    image = np.zeros((20, 20, 3), np.uint8)
    image[5:15, 5:15] = 200
    for side in (4, 10, 31):
        box = Box(top=5, left=5, height=10, width=10)
        view = crop_resize(image, box, (side, side))
        assert (view == 200).all()


def test_an_image_that_is_a_part_of_another_is_scaled_alike():
    whole = noise()
    part = whole[10:70, 20:110]
    box = Box(top=4, left=5, height=50, width=70)
    expected = crop_resize(np.ascontiguousarray(part), box, (32, 32))
    np.testing.assert_array_equal(crop_resize(part, box, (32, 32)), expected)


@pytest.mark.parametrize(
    ("image", "box", "size"),
    [
        (np.zeros((4, 5), "u1"), (0, 0, 2, 2), (3, 3)),
        (np.zeros((4, 5, 3), "f4"), (0, 0, 2, 2), (3, 3)),
        (np.zeros((4, 5, 3), "u1"), (0, 0, 0, 2), (3, 3)),
        (np.zeros((4, 5, 3), "u1"), (0, 0, 2, 2), (3, 0)),
    ],
)
def test_what_cannot_be_cut_is_refused(image, box, size):
    top, left, height, width = box
    with pytest.raises(InputError, match=r"an image is|at least one pixel"):
        crop_resize(image, Box(top=top, left=left, height=height, width=width), size)
