"""Superpixels by k-means in colour and position (SLIC), and the graphs that they make.

Source: Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel
methods", PAMI 2012. MC cuts an image as the authors' own program does.
"""

import math

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image, check_image
from dilo.kernel_cache import njit
from dilo.saliency.cluster import cluster
from dilo.saliency.color import MC_SPACE, pixel_lab
from dilo.saliency.connect import Labels, Runs, connect
from dilo.saliency.graph import RegionGraph, region_graph

_COMPACTNESS = 20.0  # Lab units that one side of distance weighs (m in the paper)
_ROUNDS = 10  # of assigning pixels and moving the centres
_SMALLEST_SIDE = 3  # pixels

_PIXELS_PER_SUPERPIXEL = 600  # of the released program
_STANDARD_PIXELS = 80_000  # below, that leaves too few: on 300 images of DUTS at 256 x
# 192, 200 superpixels instead of 82 raise maxF from .805 to .815, and MAE .165 to .153
_SUPERPIXELS_OF_SMALL = 200
# Rounds of clustering small images, and rows per visited row: scores on DUTS and on
# ECSSD at half size do not differ from those of the program's 10 rounds of all rows.
_QUICK = (5, 2)
_FEWEST_PIXELS = 38  # in a superpixel: at 48 x 48, 60 superpixels of 6 x 6
_MOST_SUPERPIXELS = 400  # time and memory grow with their cube and square

_MC_SUPERPIXELS = 250
_MC_MOST_IN_A_ROW = 400  # so that a narrow strip is not cut into thousands


def image_graph(image: Image, superpixels: int | None = None) -> RegionGraph:
    """Divide an image into RBD's superpixels and measure them, in float32.

    The graph's labels are kept only until the next call of this thread.

    Args:
        image: uint8 (H, W, 3), sRGB.
        superpixels: wanted number; `default_superpixels` by default.

    Raises:
        InputError: `image` is no Image, or `superpixels` is below 1.
    """
    if superpixels is not None and superpixels < 1:
        raise InputError(f"superpixels must be at least 1, got {superpixels}")
    check_image(image)
    height, width, _ = image.shape
    count = superpixels or default_superpixels(height, width)
    side = superpixel_side(height, width, count)
    pace = (_ROUNDS, 1) if height * width >= _STANDARD_PIXELS else _QUICK
    labels, runs = slic(pixel_lab(image), side, pace)
    return region_graph(image, labels, border_band(side), np.float32, runs)


def default_superpixels(height: int, width: int) -> int:
    """Choose how many superpixels an image of this size is divided into."""
    pixels = height * width
    if pixels >= _STANDARD_PIXELS:
        return min(int(pixels / _PIXELS_PER_SUPERPIXEL + 0.5), _MOST_SUPERPIXELS)
    return max(1, min(round(pixels / _FEWEST_PIXELS), _SUPERPIXELS_OF_SMALL))


def superpixel_side(height: int, width: int, count: int) -> int:
    """Side in pixels of one of `count` square superpixels, at least 3."""
    return max(_SMALLEST_SIDE, int(math.sqrt(height * width / count) + 0.5))


def border_band(side: int) -> int:
    """Width of the border band in pixels; 8 for superpixels of 24 or 25 pixels."""
    return max(1, round(side / 3))


def slic(
    lab: NDArray[np.floating], side: int, pace: tuple[int, int] = (_ROUNDS, 1)
) -> tuple[Labels, Runs]:
    """Divide an image into connected superpixels of about `side` x `side` pixels.

    Args:
        lab: float32 or float64 (H, 3, W), as `color.pixel_lab` gives it.
        side: wanted side of a superpixel, in pixels.
        pace: rounds, and visit only every so many rows in all rounds but the last.

    Returns:
        int32 (H, W) labels 0..n-1, each 4-connected, and their runs; kept only until
        the next call of this thread.

    Raises:
        InputError: `lab` is not (H, 3, W) of floats, or `side`, rounds or row step are
            below 1.
    """
    if not isinstance(lab, np.ndarray):
        raise InputError(f"lab is a numpy array, got {type(lab).__name__}")
    if lab.ndim != 3 or lab.shape[1] != 3 or lab.dtype.kind != "f" or lab.size == 0:
        raise InputError(f"lab is float (H, 3, W), got {lab.dtype} {lab.shape}")
    if side < 1:
        raise InputError(f"the side of a superpixel is at least 1 pixel, got {side}")
    if min(pace) < 1:
        raise InputError(f"rounds and row step are at least 1, got {pace}")
    centers = grid_centers(lab, side)
    rule = (side, (_COMPACTNESS / side) ** 2, *pace)
    return connect(cluster(lab, centers, rule), side * side // 4, lab.shape[2])


def mc_superpixels(image: Image) -> tuple[Labels, Runs]:
    """Divide an image into MC's connected superpixels, about 230 in a photograph.

    Labels and runs are kept only until the next call of this thread.

    Raises:
        InputError: `image` is no Image.
    """
    check_image(image)
    height, width, _ = image.shape
    side = int(np.sqrt(int(0.5 + height * width / _MC_SUPERPIXELS)) + 0.5)
    longest = max(height, width)
    side = max(side, _SMALLEST_SIDE, -(-longest // _MC_MOST_IN_A_ROW))
    lab = pixel_lab(image, MC_SPACE)
    y, x = np.meshgrid(mc_seeds(height, side), mc_seeds(width, side), indexing="ij")
    centers = np.concatenate([lab[y, :, x], np.stack([x, y], axis=2)], axis=2)
    centers = centers.reshape(-1, 5).astype(np.float64)
    labels = cluster(lab, centers, (side, (_COMPACTNESS / side) ** 2, _ROUNDS, 1))
    wanted = max(1, height * width // side**2)
    return connect(labels, (height * width // wanted) >> 2, width)


def mc_seeds(length: int, side: int) -> NDArray[np.int64]:
    """Pixels along one axis where MC's superpixels start."""
    count = int(0.5 + length / side)
    count = max(1, count - (side * count > length))
    spare = (length - side * count) / count
    steps = np.arange(count)
    seeds = steps * side + side // 2 + (steps * spare).astype(np.int64)
    return np.minimum(seeds, length - 1)


@njit(nogil=True)
def grid_centers(lab, side):  # type: ignore[no-untyped-def]
    """Centres (N, 5) of L, a, b, x, y on a regular grid, in raster order."""
    height, _, width = lab.shape
    columns, rows = max(1, width // side), max(1, height // side)
    centers = np.empty((rows * columns, 5))
    for j in range(rows):
        y = min(height / rows * (j + 0.5) + 0.5, height - 1.0)
        for i in range(columns):
            x = min(width / columns * (i + 0.5) + 0.5, width - 1.0)
            k = j * columns + i
            for c in range(3):
                centers[k, c] = lab[int(y), c, int(x)]
            centers[k, 3], centers[k, 4] = x, y
    return centers
