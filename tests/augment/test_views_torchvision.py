"""Whole views against torchvision's functions with the same parameters."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as functional

from dilo.augment import (
    VIEW_CHAINS,
    CopyPasteConfig,
    ViewParameters,
    apply_view,
    draw_view,
    view_rng,
)
from dilo.augment.color_jitter import BRIGHTNESS, CONTRAST, GREY, HUE, SATURATION
from dilo.data.synthetic import SceneConfig, make_scene
from dilo.folder import list_images
from dilo.image import Image, read_image

CHAINS = ["instdisc", "moco_v2", "table1_scale_crop"]


def recolour(pixels: torch.Tensor, step: int, factor: float) -> torch.Tensor:
    if step == GREY:
        return functional.rgb_to_grayscale(pixels, 3)
    adjust = {
        BRIGHTNESS: functional.adjust_brightness,
        CONTRAST: functional.adjust_contrast,
        SATURATION: functional.adjust_saturation,
        HUE: functional.adjust_hue,
    }
    return adjust[step](pixels, factor)


def theirs(image: Image, side: int, view: ViewParameters) -> np.ndarray:
    pixels = torch.from_numpy(image).permute(2, 0, 1)
    box = view.box.top, view.box.left, view.box.height, view.box.width
    pixels = functional.resized_crop(pixels, *box, [side, side], antialias=True)
    for step, factor in view.colour:
        pixels = recolour(pixels, step, factor)
    if view.blur:
        pixels = functional.gaussian_blur(pixels, [23, 23], [view.blur, view.blur])
    if view.flip:
        pixels = functional.horizontal_flip(pixels)
    return pixels.permute(1, 2, 0).numpy().astype(int)


def differences(images: list[Image], chain: str, side: int, count: int) -> np.ndarray:
    """Mean absolute difference of each view, in grey levels."""
    found = []
    for index in range(count):
        image = images[index % len(images)]
        rng = view_rng(0, 0, index)
        view = draw_view(image.shape[:2], VIEW_CHAINS[chain], rng)
        ours = apply_view(image, None, side, view, CopyPasteConfig()).astype(int)
        found.append(np.abs(ours - theirs(image, side, view)).mean())
    return np.array(found)


@pytest.mark.parametrize("chain", CHAINS)
def test_views_of_scenes_are_those_of_torchvision(chain):
    images = [make_scene(SceneConfig(size=96), index).image for index in range(4)]
    assert differences(images, chain, 56, 40).mean() <= 0.75  # the law is 1


@pytest.mark.parametrize("chain", CHAINS)
def test_views_of_noise_are_those_of_torchvision(chain):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (80, 100, 3), np.uint8)]
    assert differences(images, chain, 56, 40).mean() <= 0.75  # the law is 1


@pytest.mark.realdata
@pytest.mark.parametrize("chain", CHAINS)
def test_views_of_photographs_are_those_of_torchvision(chain, data_folder):
    images = photographs(data_folder)
    found = differences(images, chain, 224, 24)
    assert found.mean() <= 0.6
    assert found.max() <= 1.5  # greys come out one level darker of torchvision


def photographs(data_folder: Path) -> list[Image]:
    folder = data_folder / "ecssd200"
    names = [name for name in list_images(folder) if name.endswith(".jpg")]
    return [read_image(folder / name).copy() for name in names[:8]]
