"""The graph of superpixels that GS and RBD share: colours, places, links, distances."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image
from dilo.saliency.connect import Labels

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RegionGraph:
    """N regions of an image: what each looks like and which touch.

    Attributes:
        labels: int32 (H, W), the region of each pixel.
        rgb: (N, 3) mean colour, 0..255.
        position: (N, 2) mean row and column as a share of height and width.
        links: (N, N); [i, j] if a pixel of i has one of j directly below or right.
        border: (N,) regions with a pixel in the band along the image border.
    """

    labels: Labels
    rgb: Floats
    position: Floats
    links: Bools
    border: Bools

    @property
    def neighbors(self) -> Bools:
        """Pairs of regions that touch, (N, N); a region touches itself."""
        both = self.links | self.links.T
        np.fill_diagonal(both, True)
        return both


def region_graph(image: Image, labels: Labels, band: int) -> RegionGraph:
    """Measure the regions `labels` of `image` and find which of them touch.

    Args:
        image: uint8 (H, W, 3).
        labels: (H, W) integers 0..N-1, each used.
        band: width in pixels of the band along the border.

    Raises:
        InputError: image and labels differ in size, or a label is missing.
    """
    if labels.shape != image.shape[:2]:
        raise InputError(f"labels {labels.shape} do not fit the image {image.shape}")
    labels = np.ascontiguousarray(labels, np.int32)
    count = int(labels.max()) + 1
    if labels.min() < 0:
        raise InputError(f"labels start at 0, got {labels.min()}")
    sums, links, border = _measure(np.ascontiguousarray(image), labels, count, band)
    pixels = sums[:, 5:]
    if not pixels.all():
        raise InputError(f"no pixel has label {int(np.argmin(pixels))} of {count}")
    position = sums[:, 3:5] / pixels / labels.shape
    return RegionGraph(labels, sums[:, :3] / pixels, position, links, border)


def two_ring(neighbors: Bools) -> Bools:
    """Pairs of regions that touch or share a neighbour, (N, N)."""
    return _two_ring(neighbors)


def distances(points: Floats) -> Floats:
    """Euclidean distance between every two of N points (N, D), as (N, N)."""
    return _distances(np.ascontiguousarray(points))


def mean_nearest(distance: Floats, linked: Bools) -> float:
    """Mean over regions of the distance to the nearest other region linked to it."""
    return _mean_nearest(distance, linked)


def shortest_paths(lengths: Floats) -> Floats:
    """Length of the shortest path between every two nodes, (N, N).

    Args:
        lengths: symmetric (N, N) of edge lengths >= 0, inf where there is no edge.
    """
    return _shortest_paths(lengths)


def paint(values: Floats, labels: Labels) -> NDArray[np.float32]:
    """Give each pixel the value of its region, float32 (H, W)."""
    return values.astype(np.float32).take(labels)


@njit(cache=True, nogil=True)
def _measure(image, labels, count, band):  # type: ignore[no-untyped-def]
    """Sums (N, 6) of R, G, B, row, column, pixels; links (N, N); border (N,)."""
    height, width = labels.shape
    sums = np.zeros((count, 6))
    links = np.zeros((count, count), np.bool_)
    border = np.zeros(count, np.bool_)
    for y in range(height):
        x = 0
        while x < width:
            start, k = x, labels[y, x]
            red = green = blue = 0
            while x < width and labels[y, x] == k:
                red += image[y, x, 0]
                green += image[y, x, 1]
                blue += image[y, x, 2]
                x += 1
            run = x - start
            sums[k, 0] += red
            sums[k, 1] += green
            sums[k, 2] += blue
            sums[k, 3] += run * y
            sums[k, 4] += 0.5 * run * (start + x - 1)
            sums[k, 5] += run
            border[k] |= y < band or y >= height - band
            border[k] |= start < band or x > width - band
            if x < width:
                links[k, labels[y, x]] = True
        if y + 1 < height:
            for x in range(width):
                links[labels[y, x], labels[y + 1, x]] = True
    for k in range(count):
        links[k, k] = False
    return sums, links, border


@njit(cache=True, nogil=True)
def _two_ring(neighbors):  # type: ignore[no-untyped-def]
    count = len(neighbors)
    reached = neighbors.copy()
    for i in range(count):
        for j in range(count):
            if neighbors[i, j]:
                for k in range(count):
                    reached[i, k] |= neighbors[j, k]
    return reached


@njit(cache=True, nogil=True)
def _mean_nearest(distance, linked):  # type: ignore[no-untyped-def]
    count = len(distance)
    total = 0.0
    for i in range(count):
        nearest = np.inf
        for j in range(count):
            if linked[i, j] and j != i:
                nearest = min(nearest, distance[i, j])
        total += nearest
    return total / count


@njit(cache=True, nogil=True)
def _distances(points):  # type: ignore[no-untyped-def]
    count, dimensions = points.shape
    columns = points.T.copy()  # (D, N): the inner loop then runs along memory
    square = np.zeros((count, count))
    for i in range(count):
        for d in range(dimensions):
            here = points[i, d]
            for j in range(count):
                step = columns[d, j] - here
                square[i, j] += step * step
    return np.sqrt(square)


@njit(cache=True, nogil=True)
def _shortest_paths(lengths):  # type: ignore[no-untyped-def]
    """Floyd-Warshall on the lower triangle, four stops at a time.

    Row i needs only the paths from the four stops to everywhere; copied out, they do
    not alias the matrix, and its inner loop runs in SIMD.
    """
    count = len(lengths)
    paths = lengths.copy()
    stops = np.empty((4, count))
    for first in range(0, count, 4):
        _paths_from(paths, first, stops)
        for i in range(count):
            a, b, c, d = stops[0, i], stops[1, i], stops[2, i], stops[3, i]
            for j in range(i):
                ab = min(a + stops[0, j], b + stops[1, j])
                cd = min(c + stops[2, j], d + stops[3, j])
                paths[i, j] = min(paths[i, j], min(ab, cd))
    for i in range(count):
        for j in range(i):
            paths[j, i] = paths[i, j]
        paths[i, i] = 0
    return paths


@njit(cache=True, nogil=True)
def _paths_from(paths, first, stops):  # type: ignore[no-untyped-def]
    """Fill `stops` (4, N) with paths from nodes first.. that may visit each other."""
    count = len(paths)
    used = min(4, count - first)
    stops[:] = np.inf
    for s in range(used):
        for j in range(count):
            stops[s, j] = paths[max(first + s, j), min(first + s, j)]
    for middle in range(used):
        for s in range(used):
            leg = stops[s, first + middle]
            for j in range(count):
                stops[s, j] = min(stops[s, j], leg + stops[middle, j])
