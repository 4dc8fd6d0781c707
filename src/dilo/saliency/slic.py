"""Superpixels by k-means in colour and position (SLIC), as RBD and GS use them.

Source: Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel
methods", PAMI 2012.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.saliency.connect import Labels, connect, row_runs
from dilo.saliency.scratch import scratch

_SMALLEST_SIDE = 3  # pixels
# Rows that are finished together. One centre after the other claims pixels of the same
# rows; what one wrote must have left the store buffer when the next reads it, but
# should still be in the fast cache when the runs are summed.
_STRIP = 16


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
    check_lab(lab)
    if side < 1:
        raise InputError(f"the side of a superpixel is at least 1 pixel, got {side}")
    weight = (compactness / side) ** 2
    labels = cluster(lab, _seeds(lab, side), side, weight, iterations)
    return connect(labels, side * side // 4)


def cluster(
    lab: NDArray[np.floating],
    centers: NDArray[np.float64],
    side: int,
    weight: float,
    iterations: int,
) -> Labels:
    """Give each pixel to the nearest of the centres within `side` pixels of it.

    Args:
        lab: float32 or float64 (H, 3, W).
        centers: (N, 5) of L, a, b, x, y in raster order; moved in place.
        side: reach of a centre, in pixels.
        weight: squared Lab units that one squared pixel of distance weighs.
        iterations: rounds of assigning pixels and moving the centres.

    Returns:
        int32 (H, W) indices of centres; not connected, and kept only until the next
        call of this thread.

    Raises:
        InputError: `lab` is not (H, 3, W) of floats.
    """
    check_lab(lab)
    lab = np.ascontiguousarray(lab)
    height, _, width = lab.shape
    labels = scratch("labels", (height, width), np.int32)
    labels[:] = 0
    totals = scratch("totals", (height, width + 1, 4), np.int32)
    _iterate((lab, totals), centers, labels, side, weight, iterations)
    return labels


def check_lab(lab: NDArray[np.floating]) -> None:
    """Raise InputError unless `lab` is (H, 3, W) of floats."""
    if lab.ndim != 3 or lab.shape[1] != 3 or lab.dtype.kind != "f" or lab.size == 0:
        raise InputError(f"lab is float (H, 3, W), got {lab.dtype} {lab.shape}")


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
def _iterate(pixels, centers, labels, side, weight, iterations):  # type: ignore[no-untyped-def]
    """Run k-means in place on `centers` and `labels`.

    Running totals let a run of equal labels be summed from its two ends; the sums are
    whole numbers, so that their order does not matter.
    """
    lab, totals = pixels
    height, _, width = lab.shape
    # |Lab| < 128, so that a whole row cannot overflow; a power of two keeps it exact.
    scale = 2.0 ** (24 - int(np.ceil(np.log2(width))))
    _running_totals(lab, lab.dtype.type(scale), totals)
    nearest = np.empty((_STRIP, width), lab.dtype)
    changes = np.zeros((width + 8) // 8 * 8, np.uint8)
    starts = np.empty(width + 9, np.int32)
    reach = np.empty((len(centers), 4), np.int64)
    sums = np.empty((len(centers), 6), np.int64)
    for _ in range(iterations):
        _windows(centers, side, (height, width), reach)
        sums[:] = 0
        for top in range(0, height, _STRIP):
            bottom = min(height, top + _STRIP)
            nearest[:] = np.inf
            _assign((top, bottom, weight), lab, nearest, labels, centers, reach)
            for y in range(top, bottom):
                runs = row_runs(labels[y], changes, starts)
                _add_runs(totals[y], labels[y], y, starts[: runs + 1], sums)
        for k in range(len(centers)):
            if sums[k, 5] > 0:
                for c in range(5):
                    unit = scale if c < 3 else 1.0
                    centers[k, c] = sums[k, c] / (sums[k, 5] * unit)


@njit(cache=True, nogil=True)
def _running_totals(lab, scale, totals):  # type: ignore[no-untyped-def]
    """Totals (H, W + 1, 4) of L, a, b in units of 1 / scale, and x, left of columns."""
    height, _, width = lab.shape
    for y in range(height):
        light = a = b = column = np.int32(0)
        for x in range(width):
            totals[y, x, 0], totals[y, x, 1] = light, a
            totals[y, x, 2], totals[y, x, 3] = b, column
            light += np.int32(lab[y, 0, x] * scale)
            a += np.int32(lab[y, 1, x] * scale)
            b += np.int32(lab[y, 2, x] * scale)
            column += np.int32(x)
        totals[y, width, 0], totals[y, width, 1] = light, a
        totals[y, width, 2], totals[y, width, 3] = b, column


@njit(cache=True, nogil=True)
def _windows(centers, side, size, reach):  # type: ignore[no-untyped-def]
    """Find rows and columns [from, to) in reach of each centre."""
    height, width = size
    for k in range(len(centers)):
        x, y = centers[k, 3], centers[k, 4]
        reach[k, 0], reach[k, 1] = int(max(0, y - side)), int(min(height, y + side))
        reach[k, 2], reach[k, 3] = int(max(0, x - side)), int(min(width, x + side))


@njit(cache=True, nogil=True)
def _assign(rows, lab, nearest, labels, centers, reach):  # type: ignore[no-untyped-def]
    """Give a strip's pixels to the nearest centre; out of reach they keep theirs."""
    top, bottom, weight = rows
    kind = lab.dtype.type
    width, scale = np.uint64(lab.shape[2]), kind(weight)
    pixels, owner, closest = lab.reshape(-1), labels.reshape(-1), nearest.reshape(-1)
    for k in range(len(centers)):
        light, a, b = kind(centers[k, 0]), kind(centers[k, 1]), kind(centers[k, 2])
        column, name = kind(centers[k, 3]), np.int32(k)
        left, right = np.uint64(reach[k, 2]), np.uint64(reach[k, 3])
        for y in range(max(top, reach[k, 0]), min(bottom, reach[k, 1])):
            dy = kind(y - centers[k, 4])
            dy2 = dy * dy
            start, line = np.uint64(y) * width, np.uint64(y - top) * width
            row_l = start + start + start
            row_a, row_b = row_l + width, row_l + width + width
            for x in range(left, right):
                dl = pixels[row_l + x] - light
                da = pixels[row_a + x] - a
                db = pixels[row_b + x] - b
                dx = kind(np.int32(x)) - column
                distance = dl * dl + da * da + db * db + (dx * dx + dy2) * scale
                best = closest[line + x]
                closer = distance < best
                closest[line + x] = distance if closer else best
                if closer:
                    owner[start + x] = name


@njit(cache=True, nogil=True)
def _add_runs(totals, labels, y, starts, sums):  # type: ignore[no-untyped-def]
    """Add the runs of row y to `sums` (N, 6): L, a, b, x, y, pixels.

    All is read before anything is written, so that the four totals are one vector.
    """
    end = np.uint64(0)
    for run in range(np.uint64(1), np.uint64(starts.size)):
        start, end = end, np.uint64(starts[run])
        k, pixels = np.uint64(labels[start]), np.int64(end - start)
        light = sums[k, 0] + (totals[end, 0] - totals[start, 0])
        a = sums[k, 1] + (totals[end, 1] - totals[start, 1])
        b = sums[k, 2] + (totals[end, 2] - totals[start, 2])
        column = sums[k, 3] + (totals[end, 3] - totals[start, 3])
        row, count = sums[k, 4] + pixels * y, sums[k, 5] + pixels
        sums[k, 0], sums[k, 1], sums[k, 2] = light, a, b
        sums[k, 3], sums[k, 4], sums[k, 5] = column, row, count
