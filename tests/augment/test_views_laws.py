"""What holds of every chain: aligned maps, and streams that nothing disturbs."""

from dataclasses import replace

import numpy as np
import pytest

from dilo.augment import (
    BACKGROUNDS,
    VIEW_CHAINS,
    CopyPasteConfig,
    apply_view,
    draw_view,
    train_view,
    view_rng,
)
from dilo.data.synthetic import SceneConfig, make_scene

HARD = CopyPasteConfig(
    probability=1.0, ramp=0.0, blending="none", alpha_low=0.0, alpha_high=1.0
)


def black(rng, height, width, setting=None) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


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
