"""The size that saliency is computed at: smaller than the photograph's, in bounds.

At half size and with as many superpixels the maps are as good (docs/saliency.md), and
what is done for each pixel costs a quarter.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from dilo.image import Image, Map, check_image, resize

# Images are halved as long as so many pixels remain: of a photograph of 400 x 300 some
# 30,000 are left, 150 for each of 200 superpixels.
LEAST_PIXELS = 20_000
LEAST_SIDE = 32  # of the smaller side
# Larger images are worked on at a smaller size even where the full one is asked for:
# clustering takes 40 bytes a pixel.
MOST_PIXELS = 4_000_000

P = ParamSpec("P")


def working_factor(height: int, width: int) -> int:
    """Power of two that the sides of an image are divided by to work on it."""
    factor = 1
    while (
        height * width >= LEAST_PIXELS * (2 * factor) ** 2
        and min(height, width) >= LEAST_SIDE * 2 * factor
    ):
        factor *= 2
    return factor


def shrink(image: Image, factor: int) -> Image:
    """Average squares of `factor` x `factor` pixels."""
    height, width, _ = image.shape
    return resize(image, -(-height // factor), -(-width // factor))


def bounded(
    method: Callable[Concatenate[Image, P], Map],
) -> Callable[Concatenate[Image, P], Map]:
    """Let a method work on at most `MOST_PIXELS`; its map has the image's size."""

    @wraps(method)
    def at_bounded_size(image: Image, /, *args: P.args, **kwargs: P.kwargs) -> Map:
        check_image(image)
        height, width, _ = image.shape
        if height * width <= MOST_PIXELS:
            return method(image, *args, **kwargs)
        small = shrink(image, math.ceil(math.sqrt(height * width / MOST_PIXELS)))
        return resize(method(small, *args, **kwargs), height, width)

    return at_bounded_size
