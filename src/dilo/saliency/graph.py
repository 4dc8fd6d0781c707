"""The graph of superpixels that GS and RBD share: colours, places, links, distances."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image
from dilo.saliency.connect import Labels, image_runs, run_space

Floats = NDArray[np.floating]  # float64 to follow the steps, float32 for speed
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


def region_graph(
    image: Image, labels: Labels, band: int, precision: type[np.floating] = np.float64
) -> RegionGraph:
    """Measure the regions `labels` of `image` and find which of them touch.

    Args:
        image: uint8 (H, W, 3).
        labels: (H, W) integers 0..N-1, each used.
        band: width in pixels of the band along the border.
        precision: in which colours and places, and all that follows, are kept.

    Raises:
        InputError: image and labels differ in size, or a label is missing.
    """
    if labels.shape != image.shape[:2]:
        raise InputError(f"labels {labels.shape} do not fit the image {image.shape}")
    labels = np.ascontiguousarray(labels, np.int32)
    count = int(labels.max()) + 1
    if labels.min() < 0:
        raise InputError(f"labels start at 0, got {labels.min()}")
    sums, links, border = _measure(
        np.ascontiguousarray(image), labels, (count, band), run_space(*labels.shape)
    )
    pixels = sums[:, 5:]
    if not pixels.all():
        raise InputError(f"no pixel has label {int(np.argmin(pixels))} of {count}")
    position = sums[:, 3:5] / pixels / labels.shape
    rgb = sums[:, :3] / pixels
    return RegionGraph(
        labels, rgb.astype(precision), position.astype(precision), links, border
    )


def two_ring(neighbors: Bools) -> Bools:
    """Pairs of regions that touch or share a neighbour, (N, N)."""
    return _two_ring(neighbors)


def distances(points: Floats) -> Floats:
    """Euclidean distance between every two of N points (N, D), as (N, N)."""
    return _distances(np.ascontiguousarray(points))


def mean_nearest(distance: Floats, linked: Bools) -> float:
    """Mean over regions of the distance to the nearest other region linked to it."""
    return _mean_nearest(distance, linked)


def linked_pairs(distance: Floats, linked: Bools) -> Floats:
    """Distances of the linked pairs, each pair once, in no particular order."""
    return _linked_pairs(distance, linked)


def shortest_paths(lengths: Floats, limit: float = np.inf) -> Floats:
    """Length of the shortest path between every two nodes, (N, N).

    Args:
        lengths: symmetric (N, N) of edge lengths >= 0, inf where there is no edge.
        limit: paths longer than this only have to come out longer than this.
    """
    return _shortest_paths(lengths, lengths.dtype.type(limit))


def paint(values: Floats, labels: Labels) -> NDArray[np.float32]:
    """Give each pixel the value of its region, float32 (H, W)."""
    return _paint(values.astype(np.float32), labels)


def minimize(matrix: Floats, vector: Floats) -> Floats:
    """Solve matrix @ x = vector for a symmetric positive definite (N, N) matrix.

    Conjugate gradients with the diagonal as preconditioner, to the limit of the
    precision: as the diagonal dominates, some ten steps in float32, far below the N
    steps' worth of work of a factorisation.

    Source: Hestenes and Stiefel, "Methods of conjugate gradients for solving linear
    systems", 1952.
    """
    x = np.zeros_like(vector)
    residual = vector.copy()
    diagonal = matrix.diagonal()
    direction = scaled = residual / diagonal
    energy = residual @ scaled
    enough = energy * np.finfo(vector.dtype).eps ** 2
    for _ in range(2 * len(vector)):
        if energy <= enough:
            break
        image = matrix @ direction
        step = energy / (direction @ image)
        x += step * direction
        residual -= step * image
        scaled = residual / diagonal
        previous, energy = energy, residual @ scaled
        direction = scaled + energy / previous * direction
    return x


@njit(cache=True, nogil=True)
def _measure(image, labels, sizes, starts):  # type: ignore[no-untyped-def]
    """Sums (N, 6) of R, G, B, row, column, pixels; links (N, N); border (N,)."""
    count, band = sizes
    height, width = labels.shape
    sums = np.zeros((count, 6))
    links = np.zeros((count, count), np.bool_)
    border = np.zeros(count, np.bool_)
    rows = image_runs(labels, width, starts)
    for y in range(height):
        for run in range(rows[y], rows[y + 1] - 1):
            start, end = starts[run], starts[run + 1]
            k = labels[y, start]
            _add_colors(image, y, (start, end), sums[k])
            sums[k, 3] += (end - start) * y
            sums[k, 4] += 0.5 * (end - start) * (start + end - 1)
            sums[k, 5] += end - start
            border[k] |= y < band or y >= height - band
            border[k] |= start < band or end > width - band
            if end < width:
                links[k, labels[y, end]] = True
            # Who lies above whom changes only where a run starts, here or there.
            if y > 0:
                links[labels[y - 1, start], k] = True
            if y + 1 < height:
                links[k, labels[y + 1, start]] = True
    for k in range(count):
        links[k, k] = False
    return sums, links, border


@njit(cache=True, nogil=True)
def _add_colors(image, y, run, sums):  # type: ignore[no-untyped-def]
    red = green = blue = np.uint32(0)
    for x in range(np.uint64(run[0]), np.uint64(run[1])):
        red += image[y, x, 0]
        green += image[y, x, 1]
        blue += image[y, x, 2]
    sums[0] += red
    sums[1] += green
    sums[2] += blue


@njit(cache=True, nogil=True)
def _paint(values, labels):  # type: ignore[no-untyped-def]
    painted = np.empty(labels.shape, np.float32)
    flat, owner = painted.reshape(-1), labels.reshape(-1)
    for i in range(np.uint64(flat.size)):
        flat[i] = values[np.uint64(owner[i])]
    return painted


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


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})  # lets min() run in SIMD
def _mean_nearest(distance, linked):  # type: ignore[no-untyped-def]
    count = len(distance)
    total = 0.0
    for i in range(count):
        nearest = distance.dtype.type(np.inf)
        for j in range(count):
            other = linked[i, j] & (j != i)
            nearest = min(nearest, distance[i, j] if other else np.inf)
        total += nearest
    return total / count


@njit(cache=True, nogil=True)
def _linked_pairs(distance, linked):  # type: ignore[no-untyped-def]
    pairs = np.empty(linked.size + 1, distance.dtype)
    count = 0
    for i in range(len(linked)):
        for j in range(i):
            pairs[count] = distance[i, j]
            count += linked[i, j]
    return pairs[:count].copy()


@njit(cache=True, nogil=True)
def _distances(points):  # type: ignore[no-untyped-def]
    count, dimensions = points.shape
    columns = points.T.copy()  # (D, N): the inner loop then runs along memory
    square = np.zeros((count, count), points.dtype)
    for i in range(count):
        for d in range(dimensions):
            here = points[i, d]
            for j in range(count):
                step = columns[d, j] - here
                square[i, j] += step * step
    return np.sqrt(square)


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})  # else min() is slow
def _shortest_paths(lengths, limit):  # type: ignore[no-untyped-def]
    """Floyd-Warshall on the lower triangle, four stops at a time.

    Row i needs only the paths from the four stops to everywhere; copied out, they do
    not alias the matrix, and its inner loop runs in SIMD. Where all four are beyond
    the limit, so is whatever leads through them.
    """
    count = len(lengths)
    paths = lengths.copy()
    stops = np.empty((4, count), lengths.dtype)
    for first in range(0, count, 4):
        _paths_from(paths, first, stops)
        for i in range(count):
            a, b, c, d = stops[0, i], stops[1, i], stops[2, i], stops[3, i]
            if min(min(a, b), min(c, d)) > limit:
                continue
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
