"""Superpixels by k-means in colour and position (SLIC), as RBD and GS use them.

Source: Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel
methods", PAMI 2012.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.saliency.connect import Labels, connect

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
    if lab.ndim != 3 or lab.shape[1] != 3 or lab.dtype.kind != "f" or lab.size == 0:
        raise InputError(f"lab is float (H, 3, W), got {lab.dtype} {lab.shape}")
    if side < 1:
        raise InputError(f"the side of a superpixel is at least 1 pixel, got {side}")
    lab = np.ascontiguousarray(lab)
    labels = np.zeros((lab.shape[0], lab.shape[2]), np.int32)
    centers = _seeds(lab, side)
    weight = (compactness / side) ** 2
    _iterate(lab, centers, labels, side, weight, iterations)
    return connect(labels, side * side // 4)


def _seeds(lab: NDArray[np.floating], side: int) -> NDArray[np.float64]:
    """Centres (N, 5) of L, a, b, x, y on a regular grid, in raster order."""
    height, _, width = lab.shape
    columns, rows = max(1, width // side), max(1, height // side)
    x = width / columns * (np.arange(columns) + 0.5) + 0.5
    y = height / rows * (np.arange(rows) + 0.5) + 0.5
    x, y = np.minimum(x, width - 1), np.minimum(y, height - 1)
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    colors = lab[grid_y.astype(int), :, grid_x.astype(int)]
    return np.concatenate(
        [colors.reshape(-1, 3), grid_x.reshape(-1, 1), grid_y.reshape(-1, 1)], axis=1
    ).astype(np.float64)


@njit(cache=True, nogil=True, error_model="numpy")
def _iterate(lab, centers, labels, side, weight, iterations):  # type: ignore[no-untyped-def]
    """Run k-means in place on `centers` and `labels`.

    Rows are finished one after the other: all that a row needs stays in the fastest
    cache, and running totals let a run of equal labels be summed from its two ends.
    """
    height, _, width = lab.shape
    # |Lab| < 128, so that a whole row cannot overflow; a power of two keeps it exact.
    scale = 2.0 ** (24 - int(np.ceil(np.log2(width))))
    totals = _running_totals(lab, lab.dtype.type(scale))
    starts = np.empty(width + 2, np.int32)
    nearest = np.empty(width, lab.dtype)
    reach = np.empty((len(centers), 4), np.int64)
    span = np.empty((height, 2), np.int64)
    sums = np.empty((len(centers), 6))
    for _ in range(iterations):
        _windows(centers, side, width, reach, span)
        sums[:] = 0
        for y in range(height):
            row = (y, span[y, 0], span[y, 1], weight)
            _assign(row, lab, nearest, labels, centers, reach)
            _add_runs(totals, labels, y, starts, sums)
        for k in range(len(centers)):
            if sums[k, 5] > 0:
                for c in range(3):
                    centers[k, c] = sums[k, c] / (sums[k, 5] * scale)
                for c in range(3, 5):
                    centers[k, c] = sums[k, c] / sums[k, 5]


@njit(cache=True, nogil=True)
def _running_totals(lab, scale):  # type: ignore[no-untyped-def]
    """Totals (H, W + 1, 3) of L, a, b left of each column, in units of 1 / scale."""
    height, _, width = lab.shape
    totals = np.empty((height, width + 1, 3), np.int32)
    for y in range(height):
        light = a = b = np.int32(0)
        for x in range(width):
            totals[y, x, 0], totals[y, x, 1], totals[y, x, 2] = light, a, b
            light += np.int32(lab[y, 0, x] * scale)
            a += np.int32(lab[y, 1, x] * scale)
            b += np.int32(lab[y, 2, x] * scale)
        totals[y, width, 0], totals[y, width, 1], totals[y, width, 2] = light, a, b
    return totals


@njit(cache=True, nogil=True)
def _windows(centers, side, width, reach, span):  # type: ignore[no-untyped-def]
    """Find rows and columns [from, to) in reach of each centre; centres of each row."""
    height = len(span)
    span[:, 0], span[:, 1] = len(centers), 0
    for k in range(len(centers)):
        x, y = centers[k, 3], centers[k, 4]
        reach[k, 0], reach[k, 1] = int(max(0, y - side)), int(min(height, y + side))
        reach[k, 2], reach[k, 3] = int(max(0, x - side)), int(min(width, x + side))
        for row in range(reach[k, 0], reach[k, 1]):
            span[row, 0] = min(span[row, 0], k)
            span[row, 1] = k + 1


@njit(cache=True, nogil=True)
def _assign(row, lab, nearest, labels, centers, reach):  # type: ignore[no-untyped-def]
    """Give the pixels of row y to the nearest centre; out of reach they keep theirs."""
    y, first, last, weight = row
    kind = lab.dtype.type
    width, scale = np.uint64(nearest.size), kind(weight)
    pixels, owner = lab.reshape(-1), labels.reshape(-1)
    start = np.uint64(y) * width
    row_l = start + start + start
    row_a, row_b = row_l + width, row_l + width + width
    for x in range(width):
        nearest[x] = np.inf
    for k in range(first, last):
        if reach[k, 0] <= y < reach[k, 1]:
            light, a, b = kind(centers[k, 0]), kind(centers[k, 1]), kind(centers[k, 2])
            column, dy = kind(centers[k, 3]), kind(y - centers[k, 4])
            dy2, name = dy * dy, np.int32(k)
            for x in range(np.uint64(reach[k, 2]), np.uint64(reach[k, 3])):
                dl = pixels[row_l + x] - light
                da = pixels[row_a + x] - a
                db = pixels[row_b + x] - b
                dx = kind(np.int32(x)) - column
                distance = dl * dl + da * da + db * db + (dx * dx + dy2) * scale
                best, old = nearest[x], owner[start + x]  # a load in a branch is slow
                closer = distance < best
                nearest[x] = distance if closer else best
                owner[start + x] = name if closer else old


@njit(cache=True, nogil=True)
def _add_runs(totals, labels, y, starts, sums):  # type: ignore[no-untyped-def]
    """Add the runs of row y to `sums` (N, 6): L, a, b, x, y, pixels."""
    width = np.uint64(labels.shape[1])
    one, three, six = np.uint64(1), np.uint64(3), np.uint64(6)
    owner, total, flat = labels.reshape(-1), totals.reshape(-1), sums.reshape(-1)
    row = np.uint64(y) * width
    runs = one
    starts[0] = 0
    for x in range(one, width):  # without a branch: run ends cannot be predicted
        starts[runs] = x
        runs += np.uint64(owner[row + x] != owner[row + x - one])
    starts[runs] = width
    column = np.uint64(y) * three * (width + one)
    for run in range(runs):
        start, end = np.uint64(starts[run]), np.uint64(starts[run + one])
        k = np.uint64(owner[row + start]) * six
        for c in range(three):
            left, right = column + three * start + c, column + three * end + c
            flat[k + c] += np.float64(total[right] - total[left])
        count = np.float64(np.int64(end - start))
        middle = 0.5 * np.float64(np.int64(start + end - one))
        flat[k + three] += count * middle
        flat[k + three + one] += count * y
        flat[k + six - one] += count
