"""From an image to the graph of superpixels that GS, RBD and the consensus need."""

import numpy as np

from dilo.image import Image
from dilo.saliency.cluster import padded_width
from dilo.saliency.color import pixel_lab
from dilo.saliency.graph import RegionGraph, region_graph
from dilo.saliency.scratch import scratch
from dilo.saliency.slic import slic_runs, superpixel_side

_PIXELS_PER_SUPERPIXEL = 600  # of the released program
_STANDARD_PIXELS = 80_000  # below, that leaves too few: on 300 images of DUTS at 256 x
# 192, 200 superpixels instead of 82 raise maxF from .805 to .815, and MAE .165 to .153
_SUPERPIXELS_OF_SMALL = 200
# Rounds of clustering small images, and rows per visited row: scores on DUTS and on
# ECSSD at half size do not differ from those of the program's 10 rounds of all rows.
_QUICK = (5, 2)
_FEWEST_PIXELS = 38  # in a superpixel: at 48 x 48, 60 superpixels of 6 x 6
_MOST_SUPERPIXELS = 400  # time and memory grow with their cube and square


def image_graph(image: Image, superpixels: int | None = None) -> RegionGraph:
    """Divide an image into RBD's superpixels and measure them, in float32.

    The graph's labels are kept only until the next call of this thread.

    Args:
        image: uint8 (H, W, 3), sRGB.
        superpixels: wanted number; `default_superpixels` by default.
    """
    height, width, _ = image.shape
    count = superpixels or default_superpixels(height, width)
    side = superpixel_side(height, width, count)
    room = scratch("lab", (height, 3, padded_width(width)), np.float32)
    room[:, :, width:] = 0
    rounds, row_step = (10, 1) if height * width >= _STANDARD_PIXELS else _QUICK
    labels, runs = slic_runs(
        pixel_lab(image, out=room),
        side,
        iterations=rounds,
        width=width,
        row_step=row_step,
    )
    return region_graph(image, labels, border_band(side), np.float32, runs)


def default_superpixels(height: int, width: int) -> int:
    """Choose how many superpixels an image of this size is divided into."""
    pixels = height * width
    if pixels >= _STANDARD_PIXELS:
        return min(int(pixels / _PIXELS_PER_SUPERPIXEL + 0.5), _MOST_SUPERPIXELS)
    return max(1, min(round(pixels / _FEWEST_PIXELS), _SUPERPIXELS_OF_SMALL))


def border_band(side: int) -> int:
    """Width of the border band in pixels; 8 for superpixels of 24 or 25 pixels."""
    return max(1, round(side / 3))
