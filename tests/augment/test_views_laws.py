"""What holds of every chain: aligned maps, and streams that nothing disturbs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.augment import (
    BACKGROUNDS,
    BLENDINGS,
    VIEW_CHAINS,
    CopyPasteConfig,
    apply_view,
    composite,
    draw_view,
    train_view,
    view_rng,
)
from dilo.augment.alpha import view_alpha
from dilo.augment.crop import Box, crop_resize
from dilo.augment.parameters import draw_crop
from dilo.data.synthetic import SceneConfig, make_scene
from dilo.folder import list_images
from dilo.image import Image, Map, read_image, read_mask

MOCO = VIEW_CHAINS["moco_v2"]

HARD = CopyPasteConfig(
    probability=1.0, ramp=0.0, blending="none", alpha_low=0.0, alpha_high=1.0
)


def black(rng, size, *_) -> np.ndarray:
    return np.zeros((*size, 3), np.uint8)


@pytest.mark.parametrize("chain", ["table1_scale_crop", "table1_spatial_crop"])
@pytest.mark.parametrize("size", [96, 224, 300])
def test_the_map_of_a_view_is_the_view_of_the_map(chain, size, monkeypatch):
    monkeypatch.setitem(BACKGROUNDS, "grey", black)
    config = replace(VIEW_CHAINS[chain], copy_paste=HARD)
    overlaps = []
    for index in range(24):
        mask = make_scene(SceneConfig(size=size), index).mask.astype(np.float32)
        scene = np.repeat(mask[..., np.newaxis] * 255, 3, axis=2).astype(np.uint8)
        parameters = draw_view(mask.shape, config, view_rng(0, 0, index))
        # White pasted on black is the map; the mask as an image shows where it belongs.
        shown = apply_view(scene, None, 96, parameters, HARD)[..., 0] > 127
        white = np.full_like(scene, 255)
        pasted = apply_view(white, mask, 96, parameters, HARD)[..., 0] > 127
        if shown.mean() > 0.05:  # of smaller ones the rim is a large part
            overlaps.append((shown & pasted).sum() / (shown | pasted).sum())
    assert len(overlaps) > 8
    assert min(overlaps) >= 0.98


def apart(image: Image, alpha: Map, box: Box, side: int) -> np.ndarray:
    """Crop, then composite on grey, against compositing, then cropping: levels."""
    pasted = composite(image, alpha, np.full_like(image, 128))
    size = side, side
    whole = crop_resize(pasted, box, size)
    below = np.full((*size, 3), 128, np.uint8)
    shown = view_alpha(alpha, alpha.shape, box, size)
    view = composite(crop_resize(image, box, size), shown, below)
    return np.abs(view.astype(int) - whole)


def views_apart(
    pairs: list[tuple[Image, Map]], side: int
) -> tuple[float, float, float, int]:
    """Mean, largest mean of a view, share above 2 levels, largest; of 3 views each."""
    found = [
        apart(image, alpha, draw_crop(view_rng(0, 0, k), alpha.shape, MOCO), side)
        for number, (image, alpha) in enumerate(pairs)
        for k in range(3 * number, 3 * number + 3)
    ]
    means = [levels.mean() for levels in found]
    above = float(np.mean([levels > 2 for levels in found]))
    return float(np.mean(means)), max(means), above, max(map(np.max, found))


def edges(pairs: list[tuple[Image, Map]], blending: str) -> list[tuple[Image, Map]]:
    rng = np.random.default_rng(0)
    return [(image, BLENDINGS[blending](rng, alpha)) for image, alpha in pairs]


def gentle(shape: tuple[int, ...]) -> Map:
    """An alpha that is flat within any pixel of a view."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (0.5 + 0.5 * np.sin(rows / 60) * np.cos(columns / 50)).astype(np.float32)


@given(top=st.integers(0, 40), left=st.integers(0, 30), side=st.integers(1, 56))
@settings(max_examples=25, deadline=None)
def test_without_scaling_crop_and_composite_commute_exactly(top, left, side):
    made = make_scene(SceneConfig(size=96), 1)
    box = Box(top=top, left=left, height=side, width=side)
    for alpha in (made.mask.astype(np.float32), gentle(made.mask.shape)):
        assert apart(made.image, alpha, box, side).max() == 0


# Scaling averages the pixels below one of the view: the mean of alpha times image is
# the product of their means only where one of the two is flat. So they differ on the
# object's edge alone, by more the sharper it is; elsewhere by both orders' rounding.
@pytest.mark.parametrize("side", [64, 112, 224])
def test_with_scaling_crop_and_composite_commute_but_for_the_edge(side):
    scenes = [make_scene(SceneConfig(size=256), index) for index in range(6)]
    pairs = [(scene.image, scene.mask.astype(np.float32)) for scene in scenes]
    wide = 224 / side  # a smaller view has so many times as much edge
    mean, worst, above, _ = views_apart(edges(pairs, "none"), side)
    assert mean < 0.13 * wide
    assert worst < 0.35 * wide
    assert above < 0.015 * wide
    mean, worst, above, largest = views_apart(edges(pairs, "gaussian"), side)
    assert mean < 0.07 * wide
    assert worst < 0.14 * wide
    assert above < 0.006 * wide
    assert largest <= 7 * wide
    pairs = [(image, gentle(alpha.shape)) for image, alpha in pairs]
    mean, *_, largest = views_apart(pairs, side)
    assert mean < 0.2
    assert largest <= 2  # two roundings


@pytest.mark.realdata
def test_on_photographs_crop_and_composite_commute_but_for_the_edge(data_folder):
    folder = data_folder / "ecssd200"
    pairs = [
        (
            read_image(folder / "images" / name),
            read_mask(folder / "masks" / name.replace(".jpg", ".png")).astype("f4"),
        )
        for name in list_images(folder / "images")[:8]
    ]
    mean, worst, above, _ = views_apart(edges(pairs, "none"), 224)
    assert (mean < 0.25, worst < 0.5, above < 0.03) == (True, True, True)
    mean, worst, above, largest = views_apart(edges(pairs, "gaussian"), 224)
    assert (mean < 0.15, worst < 0.2, above < 0.005) == (True, True, True)
    assert largest <= 8


@pytest.mark.parametrize("chain", VIEW_CHAINS)
def test_a_map_changes_nothing_but_the_pasting(chain):
    made = make_scene(SceneConfig(size=64), 0)
    ones = np.ones(made.mask.shape, np.float32)
    config = replace(VIEW_CHAINS[chain], copy_paste=HARD)
    for index in range(8):
        one, two = (view_rng(0, 0, index) for _ in range(2))
        for _ in range(2):  # the second view of the same stream too
            pasted = train_view(made.image, ones, 32, config, one)
            plain = train_view(made.image, None, 32, config, two)
            np.testing.assert_array_equal(pasted, plain)


@pytest.mark.parametrize("chain", VIEW_CHAINS)
def test_views_depend_on_seed_epoch_and_index_alone(chain):
    made = make_scene(SceneConfig(size=64), 1)
    config = VIEW_CHAINS[chain]

    def view(index: int) -> np.ndarray:
        rng = view_rng(5, 2, index)
        saliency = made.mask.astype(np.float32)
        views = [train_view(made.image, saliency, 24, config, rng) for _ in range(2)]
        return np.stack(views)

    first = {index: view(index) for index in range(6)}
    for index in (4, 1, 5, 0):  # in another order, and without some
        np.testing.assert_array_equal(view(index), first[index])


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3)])
@pytest.mark.parametrize("chain", VIEW_CHAINS)
def test_images_of_a_few_pixels_make_views_too(chain, shape):
    image = np.full((*shape, 3), 120, np.uint8)
    for index in range(5):
        view = train_view(image, None, 16, VIEW_CHAINS[chain], view_rng(0, 0, index))
        assert view.shape == (16, 16, 3)


def test_the_background_depends_on_the_seed_of_the_paste_alone_and_is_even():
    image, nothing = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32)
    drawn = draw_view((2, 2), VIEW_CHAINS["table1_centre_crop"], view_rng(0, 0, 0))

    def level(seed: int) -> int:
        pasted = replace(drawn, paste_seed=seed)
        return int(apply_view(image, nothing, 1, pasted, HARD)[0, 0, 0])

    seeds = [int(seed) for seed in np.random.default_rng(0).integers(2**63, size=4000)]
    seeds[:100] = range(100)
    first = [level(seed) for seed in seeds]
    assert first == [level(seed) for seed in reversed(seeds)][::-1]
    counts, _ = np.histogram(first, bins=8, range=(0, 256))
    # Of 500 each, with a deviation of 21.
    assert abs(counts - 500).max() < 90
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.06
