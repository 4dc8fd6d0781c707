"""What saliency is computed on: a smaller image, and the part inside a frame.

At half size and with as many superpixels the maps are as good (docs/saliency.md), and
what is done for each pixel costs a quarter.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import cv2
import numpy as np
from numpy.typing import NDArray

from dilo.image import Image, Map, check_image, resize

# Images are halved as long as so many pixels remain: of a photograph of 400 x 300 some
# 30,000 are left, 150 for each of 200 superpixels.
LEAST_PIXELS = 20_000
LEAST_SIDE = 32  # of the smaller side
# Larger images are worked on at a smaller size even where the full one is asked for:
# clustering takes 40 bytes a pixel.
MOST_PIXELS = 4_000_000

_SEARCHED = 30  # rows or columns from each side
_DENSE = 0.6  # share of a row that is edge where a frame ends

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


def find_frame(image: Image) -> tuple[slice, slice]:
    """Return the rows and columns inside the frame; the whole image if it has none.

    A frame ends at a row or column, at most 30 from its side, of which more than 60 %
    is edge. Where one side has a frame, the others are taken to have one too.
    """
    height, width = image.shape[:2]
    edges = _edges(image)
    rows, columns = edges.mean(axis=1) > _DENSE, edges.mean(axis=0) > _DENSE
    sides = [  # 1-based place of the last dense line, 0 if there is none
        int(np.flatnonzero(line[:_SEARCHED]).max(initial=-1)) + 1
        for line in (rows, rows[::-1], columns, columns[::-1])
    ]
    widest = max(sides)
    top, bottom, left, right = (side or widest for side in sides)
    if top + bottom >= height or left + right >= width:
        return slice(0, height), slice(0, width)
    return slice(top, height - bottom), slice(left, width - right)


def within_frame(image: Image, method: Callable[[Image], Map]) -> Map:
    """Apply a method to the part inside the frame; the frame has zero saliency."""
    saliency = np.zeros(image.shape[:2], np.float32)
    inside = find_frame(image)
    saliency[inside] = method(np.ascontiguousarray(image[inside]))
    return saliency


def _edges(image: Image) -> NDArray[np.bool_]:
    """Thin Sobel edges; the outermost pixels are never edges."""
    grey = np.floor(image @ np.array([0.2989, 0.5870, 0.1140]) + 0.5) / 255
    border = cv2.BORDER_REPLICATE
    gx = cv2.Sobel(grey, cv2.CV_64F, 1, 0, scale=1 / 8, borderType=border)
    gy = cv2.Sobel(grey, cv2.CV_64F, 0, 1, scale=1 / 8, borderType=border)
    gx2, gy2 = gx * gx, gy * gy
    strength = gx2 + gy2
    slack = 100 * np.finfo(np.float64).eps
    here = strength[1:-1, 1:-1]
    along_x = (strength[1:-1, :-2] <= here) & (here > strength[1:-1, 2:])
    along_y = (strength[:-2, 1:-1] <= here) & (here > strength[2:, 1:-1])
    horizontal = (gx2 >= gy2 - slack)[1:-1, 1:-1]
    vertical = (gy2 >= gx2 - slack)[1:-1, 1:-1]
    edges = np.zeros(grey.shape, np.bool_)
    edges[1:-1, 1:-1] = (here > 4 * strength.mean()) & (
        (horizontal & along_x) | (vertical & along_y)
    )
    return edges
