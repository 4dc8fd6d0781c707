"""Superpixels by k-means in colour and position (SLIC), as RBD and GS use them.

Source: Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel
methods", PAMI 2012.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.saliency.cluster import check_lab, cluster_padded, padded
from dilo.saliency.connect import Labels, Runs, connect_runs

_SMALLEST_SIDE = 3  # pixels


def superpixel_side(height: int, width: int, count: int) -> int:
    """Side in pixels of one of `count` square superpixels, at least 3."""
    return max(_SMALLEST_SIDE, int(math.sqrt(height * width / count) + 0.5))


def slic(
    lab: NDArray[np.floating],
    side: int,
    compactness: float = 20.0,
    iterations: int = 10,
) -> Labels:
    """Divide an image into connected superpixels of about `side` x `side` pixels.

    Args:
        lab: float32 or float64 (H, 3, W), as `color.pixel_lab` gives it.
        side: wanted side of a superpixel, in pixels.
        compactness: Lab units that one side of distance weighs (m in the paper).
        iterations: rounds of assigning pixels and moving the centres.

    Returns:
        int32 (H, W) labels 0..n-1, each 4-connected.

    Raises:
        InputError: `lab` is not (H, 3, W) of floats, or `side` is below 1.
    """
    return slic_runs(lab, side, compactness, iterations)[0].copy()


def slic_runs(
    lab: NDArray[np.floating],
    side: int,
    compactness: float = 20.0,
    iterations: int = 10,
    width: int | None = None,
    row_step: int = 1,
) -> tuple[Labels, Runs]:
    """As `slic`, and the runs that the labels are made of.

    Both are kept only until the next call of this thread.

    Args:
        lab: as for `slic`.
        side: as for `slic`.
        compactness: as for `slic`.
        iterations: as for `slic`.
        width: how many columns are pixels, where rows are padded (`padded_width`);
            None takes all.
        row_step: visit only every so many rows, in all rounds but the last.
    """
    check_lab(lab)
    if side < 1:
        raise InputError(f"the side of a superpixel is at least 1 pixel, got {side}")
    width = lab.shape[2] if width is None else width
    weight = (compactness / side) ** 2
    centers = _seeds(lab[:, :, :width], side)
    rule = (side, weight, iterations, row_step)
    labels = cluster_padded(padded(lab), width, centers, rule)
    return connect_runs(labels, side * side // 4, width)


def _seeds(lab: NDArray[np.floating], side: int) -> NDArray[np.float64]:
    """Centres (N, 5) of L, a, b, x, y on a regular grid, in raster order."""
    height, _, width = lab.shape
    return _grid(lab, max(1, width // side), max(1, height // side))


@njit(cache=True, nogil=True)
def _grid(lab, columns, rows):  # type: ignore[no-untyped-def]
    height, _, width = lab.shape
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
