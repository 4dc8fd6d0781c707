"""The graph of superpixels that GS and RBD share: colours, places, links, distances."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image, check_image
from dilo.kernel_cache import njit
from dilo.saliency.connect import Labels, Runs, check_labels, find_runs

Floats = NDArray[np.floating]  # float64 to follow the steps, float32 for speed
Bools = NDArray[np.bool_]


class RegionGraph(NamedTuple):
    """N regions of an image: what each looks like and which touch."""

    labels: Labels  # int32 (H, W), the region of each pixel
    rgb: Floats  # (N, 3), mean colour, 0..255
    position: Floats  # (N, 2), mean row and column as a share of height and width
    links: Bools  # (N, N); [i, j] if a pixel of i has one of j directly below or right
    border: Bools  # (N,), regions with a pixel in the band along the image border


def region_graph(
    image: Image,
    labels: Labels,
    band: int,
    precision: type[np.floating] = np.float64,
    runs: Runs | None = None,
) -> RegionGraph:
    """Measure the regions `labels` of `image` and find which of them touch.

    Args:
        image: uint8 (H, W, 3).
        labels: (H, W) integers 0..N-1, each used.
        band: width in pixels of the band along the border.
        precision: in which colours and places, and all that follows, are kept.
        runs: that the labels are made of, if known; their content is not checked.

    Raises:
        InputError: `image` is no Image, the labels are none or do not fit it, or one
            is missing.
    """
    check_image(image)
    check_labels(labels)
    if labels.shape != image.shape[:2]:
        raise InputError(f"labels {labels.shape} do not fit the image {image.shape}")
    labels = np.ascontiguousarray(labels, np.int32)
    count = int(labels.max()) + 1
    if runs is None:
        if labels.min() < 0:
            raise InputError(f"labels start at 0, got {labels.min()}")
        runs = find_runs(labels)
    rgb, position = np.empty((count, 3), precision), np.empty((count, 2), precision)
    missing, links, border = _measure(
        np.ascontiguousarray(image), labels, band, runs, rgb, position
    )
    if missing >= 0:
        raise InputError(f"no pixel has label {missing} of {count}")
    return RegionGraph(labels, rgb, position, links, border)


@njit(nogil=True)
def _measure(image, labels, band, runs, rgb, position):  # type: ignore[no-untyped-def]
    """Fill in the means; give a label without pixel or -1, links and border."""
    count, (height, width) = len(rgb), labels.shape
    sums = np.zeros((count, 6), np.int64)
    links = np.zeros((count, count), np.bool_)
    border = np.zeros(count, np.bool_)
    starts, rows = runs
    for y in range(height):
        _add_colors(image, labels, y, starts[rows[y] : rows[y + 1]], sums)
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        edge = y < band or y >= height - band
        for run in range(rows[y], rows[y + 1] - 1):
            start, end = starts[run], starts[run + 1]
            k = labels[y, start]
            border[k] |= edge | (start < band) | (end > width - band)
            # Who lies above whom changes only where a run starts, here or there.
            links[labels[above, start], k] = True
            links[k, labels[below, start]] = True
            links[k, labels[y, min(end, width - 1)]] = True
    missing = -1
    for k in range(count):
        links[k, k] = False
        if sums[k, 5] == 0:
            missing = k
            continue
        for c in range(3):
            rgb[k, c] = sums[k, c] / sums[k, 5]
        position[k, 0] = sums[k, 3] / sums[k, 5] / height
        # Twice the column was summed, to keep whole numbers.
        position[k, 1] = sums[k, 4] / 2 / sums[k, 5] / width
    return missing, links, border


@njit(nogil=True)
def _add_colors(image, labels, y, starts, sums):  # type: ignore[no-untyped-def]
    """Add the runs of row y to R, G, B, row, column and pixels."""
    flat, three = image.reshape(-1), np.uint64(3)
    row = np.uint64(y) * np.uint64(image.shape[1])
    for run in range(np.uint64(len(starts) - 1)):
        start, end = np.uint64(starts[run]), np.uint64(starts[run + np.uint64(1)])
        red = green = blue = np.uint32(0)
        for i in range(three * (row + start), three * (row + end), three):
            red += flat[i]
            green += flat[i + np.uint64(1)]
            blue += flat[i + np.uint64(2)]
        k, pixels = np.uint64(labels[y, start]), np.int64(end - start)
        sums[k, 0] += red
        sums[k, 1] += green
        sums[k, 2] += blue
        sums[k, 3] += pixels * y
        sums[k, 4] += pixels * np.int64(start + end - np.uint64(1))  # twice the mean
        sums[k, 5] += pixels


@njit(nogil=True)
def paint(values, labels):  # type: ignore[no-untyped-def]
    """Give each pixel the value of its region, float32 (H, W)."""
    painted = np.empty(labels.shape, np.float32)
    flat, owner = painted.reshape(-1), labels.reshape(-1)
    for i in range(np.uint64(flat.size)):
        flat[i] = values[np.uint64(owner[i])]
    return painted


@njit(nogil=True)
def linked_pairs(links):  # type: ignore[no-untyped-def]
    """Indices (P, 2) of the linked pairs."""
    count = np.uint64(len(links))
    found = np.uint64(0)
    pairs = np.empty((links.size + 1, 2), np.int32)
    for i in range(count):
        for j in range(count):
            pairs[found, 0], pairs[found, 1] = i, j  # no branch to be predicted
            found += np.uint64(links[i, j])
    return pairs[:found]


@njit(nogil=True)
def neighbors_of(pairs, count):  # type: ignore[no-untyped-def]
    """Pairs of regions that touch, (N, N); a region touches itself."""
    near = np.zeros((count, count), np.bool_)
    for i in range(count):
        near[i, i] = True
    for pair in range(len(pairs)):
        i, j = pairs[pair]
        near[i, j] = near[j, i] = True
    return near


@njit(nogil=True)
def two_ring(neighbors, pairs):  # type: ignore[no-untyped-def]
    """Pairs of regions that touch or share a neighbour, (N, N)."""
    reached = neighbors.copy()
    for pair in range(len(pairs)):
        i, j = np.uint64(pairs[pair, 0]), np.uint64(pairs[pair, 1])
        _join_row(reached, i, neighbors, j)
        _join_row(reached, j, neighbors, i)
    return reached


@njit(nogil=True)
def _join_row(reached, i, neighbors, j):  # type: ignore[no-untyped-def]
    for k in range(np.uint64(len(reached))):
        reached[i, k] |= neighbors[j, k]


@njit(nogil=True, fastmath={"nnan", "nsz"})  # lets min() run in SIMD
def mean_nearest(distance, linked):  # type: ignore[no-untyped-def]
    """Mean over regions of the distance to the nearest other region linked to it.

    Rows are taken for columns, so that the inner loop runs over the regions.
    """
    kind = distance.dtype.type
    nearest = np.full(len(distance), kind(np.inf))
    for i in range(np.uint64(len(distance))):
        itself = nearest[i]
        for j in range(np.uint64(len(distance))):
            length = distance[i, j] if linked[i, j] else kind(np.inf)
            nearest[j] = min(nearest[j], length)
        nearest[i] = itself
    return nearest.sum() / len(distance)


@njit(nogil=True)
def linked_lengths(distance, links, pairs):  # type: ignore[no-untyped-def]
    """Distances of the linked pairs, each pair once."""
    lengths = np.empty(len(pairs) + 1, distance.dtype)
    count = 0
    for pair in range(len(pairs)):
        i, j = pairs[pair]
        lengths[count] = distance[i, j]
        count += (i > j) | (not links[j, i])
    return lengths[:count]


@njit(nogil=True)
def distances(points):  # type: ignore[no-untyped-def]
    """Euclidean distance between every two of N points (N, D), as (N, N)."""
    square = np.empty((len(points), len(points)), points.dtype)
    fill_distances(points, square)
    return square


@njit(nogil=True)
def fill_distances(points, square):  # type: ignore[no-untyped-def]
    """Write the distances of points (N, D) to `square` (N, N)."""
    count, dimensions = points.shape
    columns = points.T.copy()  # (D, N): the inner loop then runs along memory
    for i in range(count):
        for j in range(count):
            square[i, j] = 0
        for d in range(dimensions):
            here = points[i, d]
            for j in range(count):
                step = columns[d, j] - here
                square[i, j] += step * step
        for j in range(count):
            square[i, j] = np.sqrt(square[i, j])
