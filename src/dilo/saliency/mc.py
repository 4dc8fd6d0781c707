"""MC: saliency as the time until a random walk is absorbed by the image border.

Source: Jiang et al., "Saliency detection via absorbing Markov chain", ICCV 2013, with
the constants and the extra steps of the program that its authors released.
"""

from typing import NamedTuple

import numpy as np

from dilo.image import Image, Map
from dilo.kernel_cache import njit
from dilo.saliency.color import mc_mean_lab
from dilo.saliency.graph import (
    Bools,
    Floats,
    RegionGraph,
    distances,
    linked_pairs,
    neighbors_of,
    paint,
    region_graph,
    two_ring,
)
from dilo.saliency.numeric import EPSILON, eliminate, substitute
from dilo.saliency.superpixels import mc_superpixels
from dilo.saliency.working import bounded

_DECAY = 10.0  # of the weight over the image's whole range of colour distances
_LEAST_WEIGHT = 1e-5
_LONELY = 1.1  # degree, of which 1 is the link to itself, below which colour is unique
_FRAME = 13.0  # summed weight between border and inside; a frame has less
_CENTRAL = 2.0  # score of the histogram from which much of the image is half salient
_SALIENT_NEIGHBOR = 0.3
# The strongest colour step between linked regions is at least this share of the step
# from black to white; less would make weights of noise. It is 0.01 on noise of 9 grey
# levels, up to 0.08 on noise of 30 (256 x 192 pixels), and 0.3 to 1.2 on 1580
# photographs.
_NOTHING_FOUND = 0.1
_WHITE = float(np.linalg.norm(mc_mean_lab(np.full((1, 3), 255.0))))


class McSteps(NamedTuple):
    """What MC computes on the way, for N regions."""

    step: float  # strongest colour distance of a link; from black to white it is 1
    outliers: Bools  # (N,), regions of a colour that no region around has
    kept: Bools  # (N,), regions that the walk visits: all but outliers and a frame
    border: Bools  # (N,), kept regions that can absorb the walk
    saliency: Floats  # (N,), time until absorption in [0, 1]; of outliers by neighbours


@bounded
def mc(image: Image) -> Map:
    """Estimate saliency by how long a random walk takes to reach the image border.

    Args:
        image: uint8 (H, W, 3), sRGB.

    Returns:
        float32 (H, W) in [0, 1]; all zeros where nothing stands out.

    Raises:
        InputError: `image` is no Image.

    Source: Jiang et al., ICCV 2013.
    """
    labels, runs = mc_superpixels(image)
    graph = region_graph(image, labels, 1, np.float32, runs)
    return paint(mc_of_graph(graph), graph.labels)


def mc_of_graph(graph: RegionGraph) -> Floats:
    """Saliency (N,) in [0, 1] of the regions of a graph."""
    steps = mc_steps(graph)
    if steps.step < _NOTHING_FOUND:
        return np.zeros_like(steps.saliency)
    return steps.saliency


def mc_steps(graph: RegionGraph) -> McSteps:
    """Run MC on a graph's regions, with links of its own, and return every step."""
    color = mc_mean_lab(graph.rgb).astype(graph.rgb.dtype)
    step, *others = _steps(color, graph.links, graph.labels)
    return McSteps(float(step) / _WHITE, *others)


@njit(nogil=True)
def _steps(color, links, labels):  # type: ignore[no-untyped-def]
    """Compute the fields of `McSteps`: one call, for speed."""
    near = neighbors_of(linked_pairs(links), len(links))
    add_corners(labels, near)
    linked = near.copy()
    join_opposite_sides(labels, linked)
    weights, step = _weights(distances(color), two_ring(linked, linked_pairs(linked)))
    degree = _row_sums(weights)
    outliers = degree < _LONELY
    kept, border = _without_frame(outermost(labels, len(color)), near, weights)
    kept, border = kept & ~outliers, border & ~outliers
    saliency = np.zeros_like(degree)
    if border.any():
        saliency = _absorbed_time(weights, degree, kept, border)
    for i in np.flatnonzero(outliers):
        if (saliency[near[i]] > _SALIENT_NEIGHBOR).any():
            saliency[i] = 1
    return step, outliers, kept, border, saliency


@njit(nogil=True)
def add_corners(labels, pairs):  # type: ignore[no-untyped-def]
    """Link regions whose pixels touch only at a corner.

    Of four pixels around a corner two opposite ones are not linked yet only if no two
    side by side are of one region.
    """
    height, width = labels.shape
    for y in range(height - 1):
        above, below = labels[y], labels[y + 1]
        for x in range(width - 1):
            rows = (above[x] != above[x + 1]) & (below[x] != below[x + 1])
            columns = (above[x] != below[x]) & (above[x + 1] != below[x + 1])
            if rows & columns:
                pairs[above[x], below[x + 1]] = pairs[below[x + 1], above[x]] = True
                pairs[above[x + 1], below[x]] = pairs[below[x], above[x + 1]] = True


@njit(nogil=True)
def join_opposite_sides(labels, pairs):  # type: ignore[no-untyped-def]
    """Link the ends of each row and of each column, as if the image wrapped around."""
    height, width = labels.shape
    for y in range(height):
        one, other = labels[y, 0], labels[y, width - 1]
        pairs[one, other] = pairs[other, one] = True
    for x in range(width):
        one, other = labels[0, x], labels[height - 1, x]
        pairs[one, other] = pairs[other, one] = True


@njit(nogil=True)
def outermost(labels, count):  # type: ignore[no-untyped-def]
    """Regions with a pixel on the image border, (N,)."""
    border = np.zeros(count, np.bool_)
    border[labels[0]] = border[labels[-1]] = True
    border[labels[:, 0]] = border[labels[:, -1]] = True
    return border


@njit(nogil=True)
def _weights(distance, linked):  # type: ignore[no-untyped-def]
    """Weights (N, N) by the share of the range of distances; the longest distance."""
    count, kind = len(distance), distance.dtype.type
    ends = np.empty((count * count // 2 + 1, 2), np.int32)
    found = 0
    for i in range(count):
        for j in range(i):
            ends[found, 0], ends[found, 1] = i, j
            found += linked[i, j]  # without a branch: links cannot be predicted
    low, high = kind(np.inf), kind(0)
    for end in range(found):
        length = distance[ends[end, 0], ends[end, 1]]
        low, high = min(low, length), max(high, length)
    scale = kind(-_DECAY) / max(high - low, kind(EPSILON))
    weights = np.zeros_like(distance)
    for end in range(found):
        i, j = ends[end]
        weight = np.exp((distance[i, j] - low) * scale) + kind(_LEAST_WEIGHT)
        weights[i, j] = weights[j, i] = weight
    for i in range(count):
        weights[i, i] = 1
    return weights, high


@njit(nogil=True, fastmath={"reassoc"})  # sums in SIMD
def _row_sums(weights):  # type: ignore[no-untyped-def]
    sums = np.empty(len(weights), weights.dtype)
    for i in range(len(weights)):
        total = weights.dtype.type(0)
        for j in range(len(weights)):
            total += weights[i, j]
        sums[i] = total
    return sums


@njit(nogil=True)
def _without_frame(edge, near, weights):  # type: ignore[no-untyped-def]
    """Regions inside an artificial frame, all if there is none, and their border."""
    count, across = len(edge), 0.0
    around = np.zeros(count, np.bool_)
    for i in range(count):
        if edge[i]:
            for j in range(count):
                if near[i, j] and not edge[j]:
                    around[j] = True
                    across += weights[i, j]
    if not around.any() or across > _FRAME:
        return np.ones(count, np.bool_), edge
    return ~edge, around


@njit(nogil=True)
def _absorbed_time(weights, degree, kept, border):  # type: ignore[no-untyped-def]
    """Time until absorption of each kept region, in [0, 1]; 0 of the others.

    With one absorbing copy of each border region, the walk's transition matrix is
    W / T, T being the degree with the copies. (I - W / T) y = u is solved as
    (T - W) y = T u, which is symmetric, for the two starts u = 1 and u = 1 / degree.
    """
    rows = _equations(weights, degree, kept, border)
    eliminate(rows)
    times = substitute(rows, 2)
    _stretch_kept(times, kept)
    spread = 0
    for i in np.flatnonzero(kept):
        tenth = min(int(times[i, 0] * 10), 9)
        spread += min(tenth + 1, 10 - tenth)
    return times[:, 0 if spread < _CENTRAL * kept.sum() else 1].copy()


@njit(nogil=True, fastmath={"reassoc", "contract"})  # sums in SIMD
def _equations(weights, degree, kept, border):  # type: ignore[no-untyped-def]
    """Matrix and two right-hand sides, (N, N + 2); regions not kept get y = 0."""
    count, kind = len(degree), weights.dtype.type
    rows = np.zeros((count, count + 2), weights.dtype)
    for i in range(count):
        if not kept[i]:
            rows[i, i] = 1
            continue
        total = degree[i]
        for j in range(count):
            rows[i, j] = -weights[i, j] if kept[j] else kind(0)
            total += weights[i, j] if border[j] else kind(0)
        rows[i, i] += total
        rows[i, count], rows[i, count + 1] = total, total / degree[i]
    return rows


@njit(nogil=True)
def _stretch_kept(values, kept):  # type: ignore[no-untyped-def]
    """Shift and scale each column to [0, 1] in the rows that are kept."""
    places, kind = np.flatnonzero(kept), values.dtype.type
    for side in range(values.shape[1]):
        low, high = kind(np.inf), kind(-np.inf)
        for i in places:
            low, high = min(low, values[i, side]), max(high, values[i, side])
        for i in places:
            values[i, side] = (values[i, side] - low) / (high - low + kind(EPSILON))
