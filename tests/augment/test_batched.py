from dataclasses import replace

import numpy as np
import pytest
import torch

from dilo.augment import (
    VIEW_CHAINS,
    CopyPasteConfig,
    apply_view,
    composite,
    draw_view,
    view_rng,
)
from dilo.augment.batched import (
    composite_batch,
    crop_batch,
    finish_batch,
    paste_batch,
    stack_images,
    stack_parameters,
)
from dilo.augment.views import view_layer
from dilo.data.synthetic import SceneConfig, make_scene
from dilo.errors import InputError

SHAPES = [(50, 64), (64, 41), (30, 30), (64, 64)]


@pytest.fixture(
    params=[
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA"),
            ],
        ),
    ]
)
def device(request) -> str:
    return request.param


def images() -> list[np.ndarray]:
    scenes = [make_scene(SceneConfig(size=64), index).image for index in range(4)]
    cut = [
        np.ascontiguousarray(image[:height, :width])
        for image, (height, width) in zip(scenes, SHAPES, strict=True)
    ]
    rng = np.random.default_rng(0)
    cut[3] = rng.integers(0, 256, cut[3].shape, np.uint8)
    return cut


@pytest.mark.parametrize("chain", VIEW_CHAINS)
@pytest.mark.parametrize("side", [12, 48])
def test_a_batch_is_what_its_views_are_one_by_one(chain, side, device):
    config = VIEW_CHAINS[chain]
    pictures = images() * 4
    drawn = [
        draw_view(picture.shape[:2], config, view_rng(0, 1, index))
        for index, picture in enumerate(pictures)
    ]
    parameters = stack_parameters(drawn)
    batch = stack_images([torch.from_numpy(picture) for picture in pictures])
    crops = crop_batch(batch.to(device), parameters.boxes, side)
    views = finish_batch(crops, parameters).cpu().numpy().astype(int)
    for picture, view, one in zip(pictures, views, drawn, strict=True):
        alone = apply_view(picture, None, side, one, CopyPasteConfig())
        # Kernels of another processor may round otherwise.
        assert np.abs(view - alone).max() <= 2


PASTES = [
    CopyPasteConfig(probability=1.0, ramp=0.0),
    CopyPasteConfig(probability=1.0, ramp=0.0, shift=0.3, max_scale=1.5),
    CopyPasteConfig(probability=1.0, ramp=0.0, background="border", blending="none"),
]


@pytest.mark.parametrize("pasting", PASTES)
def test_a_pasted_batch_is_what_its_views_are_one_by_one(pasting, device):
    config = replace(VIEW_CHAINS["moco_v2"], copy_paste=pasting)
    saliency = [
        make_scene(SceneConfig(size=64), index).mask[:height, :width]
        for index, (height, width) in enumerate(SHAPES)
    ]
    maps = [np.ascontiguousarray(mask[::2, ::2], np.float32) for mask in saliency]
    pictures = images()
    drawn = [
        draw_view(picture.shape[:2], config, view_rng(0, 1, index))
        for index, picture in enumerate(pictures)
    ]
    layers = [
        view_layer(picture, saliency, 32, one, pasting)
        for picture, saliency, one in zip(pictures, maps, drawn, strict=True)
    ]
    layers[1] = maps[1] = None
    parameters = stack_parameters(drawn)
    batch = stack_images([torch.from_numpy(picture) for picture in pictures])
    crops = crop_batch(batch.to(device), parameters.boxes, 32)
    views = finish_batch(paste_batch(crops, layers), parameters).cpu().numpy()
    for picture, saliency, view, one in zip(pictures, maps, views, drawn, strict=True):
        alone = apply_view(picture, saliency, 32, one, pasting)
        assert np.abs(view.astype(int) - alone).max() <= 2


def test_compositing_a_batch_is_compositing_its_images(device):
    rng = np.random.default_rng(0)
    views, below = rng.integers(0, 256, (2, 5, 16, 16, 3), np.uint8)
    alphas = rng.random((5, 16, 16), np.float32)
    tensors = (torch.from_numpy(part).to(device) for part in (views, alphas, below))
    ours = composite_batch(*tensors).cpu().numpy().astype(int)
    for one, view, alpha, background in zip(ours, views, alphas, below, strict=True):
        assert np.abs(one - composite(view, alpha, background)).max() <= 1


def test_what_is_no_batch_is_refused():
    boxes = np.array([[0, 0, 4, 4]])
    with pytest.raises(InputError, match=r"uint8 \(N, H, W, 3\), got torch.float32"):
        crop_batch(torch.zeros(1, 4, 4, 3), boxes, 2)
    with pytest.raises(InputError, match="got 2 images and parameters of 1 views"):
        crop_batch(torch.zeros(2, 4, 4, 3, dtype=torch.uint8), boxes, 2)
