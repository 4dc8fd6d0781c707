"""Where a view is cut from its image."""

import math

import numpy as np

from dilo.augment.box import Box
from dilo.augment.chain import ViewConfig

# Test images are reduced to 256 and cropped to 224: the same ratio at every size.
TEST_RESIZE = 256 / 224


def draw_crop(
    rng: np.random.Generator, height: int, width: int, config: ViewConfig
) -> Box:
    """Draw the box of a view by the config's kind of crop."""
    if config.crop == "scale":
        return _draw_scale_crop(rng, height, width, config)
    centre = centre_crop(height, width)
    if config.crop == "centre":
        return centre
    top = int(rng.integers(height - centre.height + 1))
    left = int(rng.integers(width - centre.width + 1))
    return Box(top=top, left=left, height=centre.height, width=centre.width)


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw evenly between two numbers: `rng.uniform`, in a third of its time."""
    return low + (high - low) * rng.random()


def centre_crop(height: int, width: int) -> Box:
    """Give the central square of the test view."""
    side = max(1, round(min(height, width) / TEST_RESIZE))
    top, left = (height - side) // 2, (width - side) // 2
    return Box(top=top, left=left, height=side, width=side)


def _draw_scale_crop(
    rng: np.random.Generator, height: int, width: int, config: ViewConfig
) -> Box:
    """Draw a box of random area and aspect, uniform in area and in log aspect.

    Ten boxes are tried; if none fits, which happens to very long images, the largest
    central box of an allowed aspect is taken.
    """
    log_aspect = math.log(config.max_aspect)
    for _ in range(10):
        area = height * width * between(rng, config.min_area, 1.0)
        aspect = math.exp(between(rng, -log_aspect, log_aspect))
        box_width = round(math.sqrt(area * aspect))
        box_height = round(math.sqrt(area / aspect))
        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(rng.integers(height - box_height + 1))
            left = int(rng.integers(width - box_width + 1))
            return Box(top=top, left=left, height=box_height, width=box_width)
    box_width = max(1, min(width, round(height * config.max_aspect)))
    box_height = max(1, min(height, round(width * config.max_aspect)))
    return Box(
        top=(height - box_height) // 2,
        left=(width - box_width) // 2,
        height=box_height,
        width=box_width,
    )
