"""RBD: robust background detection.

Source: Zhu et al., "Saliency optimization from robust background detection", CVPR
2014, with the constants and the extra steps of the program that its authors released.
"""

from typing import NamedTuple

import numpy as np

from dilo.image import Image, Map
from dilo.kernel_cache import njit
from dilo.saliency.color import mean_lab
from dilo.saliency.graph import (
    Floats,
    RegionGraph,
    fill_distances,
    linked_lengths,
    linked_pairs,
    mean_nearest,
    neighbors_of,
    paint,
    two_ring,
)
from dilo.saliency.numeric import EPSILON, gaussian, minimize, otsu, stretch
from dilo.saliency.paths import path_lengths, shortest_paths
from dilo.saliency.scratch import scratch
from dilo.saliency.superpixels import image_graph
from dilo.saliency.working import bounded, within_frame

_SPATIAL_SIGMA = 0.4  # of the contrast, in shares of the image side
_BACKGROUND_WEIGHT = 5.0  # lambda of the released program
_SURE_BACKGROUND = 1000.0  # weight where the boundary connectivity is above 3
_SMOOTHNESS = 0.1  # mu: least weight between touching regions
# Where nothing stands out all regions are background and the optimum stays small;
# stretching it to [0, 1] would show noise. Its maximum is 0.0002 on flat images and
# faint noise, 0.13 on noise of 30 grey levels, and 0.32 to 0.98 on 728 photographs.
_NOTHING_FOUND = 0.15


class RbdSteps(NamedTuple):
    """What RBD computes on the way, for N regions."""

    color: Floats  # (N, 3) Lab
    clip: float  # colour distance that costs nothing on a path
    geodesic_sigma: float  # colour distance within which regions count as one area
    smoothness_sigma: float  # colour distance within which neighbours should agree
    boundary_connectivity: Floats  # (N,), border / root of area; high: background
    background: Floats  # (N,), probability
    contrast: Floats  # (N,) in [0, 1], cut below Otsu's level
    saliency: Floats  # (N,), the optimum, before it is stretched to [0, 1]


@bounded
def rbd(
    image: Image, superpixels: int | None = None, remove_frame: bool = False
) -> Map:
    """Estimate saliency from contrast and from how much regions cling to the border.

    Args:
        image: uint8 (H, W, 3), sRGB.
        superpixels: wanted number; None takes one per 600 pixels but at most 400, and
            200 (or one per 38 pixels) in images below 80,000 pixels.
        remove_frame: find an artificial frame and give it zero saliency.

    Returns:
        float32 (H, W) in [0, 1]; all zeros where nothing stands out.

    Raises:
        InputError: `image` is no Image, or `superpixels` is below 1.

    Source: Zhu et al., CVPR 2014.
    """

    def whole(part: Image) -> Map:
        graph = image_graph(part, superpixels)
        return paint(rbd_of_graph(rbd_steps(graph)), graph.labels)

    return within_frame(image, whole) if remove_frame else whole(image)


def rbd_of_graph(steps: RbdSteps) -> Floats:
    """Saliency (N,) in [0, 1] of the regions of a graph, from RBD's steps on it."""
    if steps.saliency.max() < _NOTHING_FOUND:
        return np.zeros_like(steps.saliency)
    return stretch(steps.saliency)


def rbd_steps(graph: RegionGraph) -> RbdSteps:
    """Run RBD on a region graph and return every step."""
    color = mean_lab(graph.rgb).astype(graph.rgb.dtype)
    count = len(color)
    room = scratch("squares", (3, count, count), color.dtype)
    steps = _steps(color, graph.position, graph.links, graph.border, room)
    return RbdSteps(color, *steps)


@njit(nogil=True)
def _steps(color, position, links, border, room):  # type: ignore[no-untyped-def]
    """Compute the fields of `RbdSteps` after the first: one call, for speed."""
    kind = color.dtype.type
    contrast_of, lengths, paths = room[0], room[1], room[2]
    fill_distances(color, contrast_of)
    pairs = linked_pairs(links)
    neighbors = neighbors_of(pairs, len(links))
    ring = two_ring(neighbors, pairs)
    edges = linked_lengths(contrast_of, links, pairs)
    clip, geodesic_sigma, smoothness_sigma = _scales(
        edges, mean_nearest(contrast_of, neighbors), mean_nearest(contrast_of, ring)
    )
    path_lengths(contrast_of, (neighbors, border), clip, lengths)
    order = shortest_paths(lengths, border, kind(3 * geodesic_sigma), paths)
    near, spatial, system = paths, lengths, contrast_of  # what memory is used for again
    gaussian(near, geodesic_sigma)
    connectivity = _connectivity(near, border, order)
    background, weight = _background(connectivity)
    fill_distances(position, spatial)
    gaussian(spatial, _SPATIAL_SIGMA)
    contrast = _contrast(contrast_of, spatial, background)
    gaussian(system, smoothness_sigma)
    _smoothness(system, ring, border, pairs)
    _system(system, weight, contrast)
    saliency = minimize(system, contrast)
    scales = (clip, geodesic_sigma, smoothness_sigma)
    return *scales, connectivity, background, contrast, saliency


@njit(nogil=True)
def _scales(edges, one_ring, clip):  # type: ignore[no-untyped-def]
    """Adapt clip, geodesic sigma and smoothness sigma to the image's colours.

    From the contrast of each edge, and the mean least contrast in the rings of 1 and 2.
    """
    if edges.size == 0:
        return 0.0, 5.0, 0.0
    strongest = max(1, int(0.01 * edges.size + 0.5))
    top = _mean_of_largest(edges, strongest)
    geodesic_sigma = max(5.0, min(10.0, min(3 * one_ring, top / 10)))
    return clip, geodesic_sigma, min(3 * one_ring, min(0.2 * top, 20.0))


@njit(nogil=True)
def _mean_of_largest(values, count):  # type: ignore[no-untyped-def]
    """Mean of the `count` largest values, which are taken out one by one."""
    total = 0.0
    for _ in range(count):
        largest = 0
        for i in range(len(values)):
            largest = i if values[i] > values[largest] else largest
        total += values[largest]
        values[largest] = -1
    return total / count


@njit(nogil=True)
def _background(connectivity):  # type: ignore[no-untyped-def]
    """Probability (N,) to be background, and its weight in the optimum."""
    kind = connectivity.dtype.type
    background, weight = np.empty_like(connectivity), np.empty_like(connectivity)
    for i in range(len(connectivity)):
        square = connectivity[i] * connectivity[i]
        background[i] = kind(1) - np.exp(square * kind(-0.5))
        sure = connectivity[i] > kind(3)
        weight[i] = kind(_SURE_BACKGROUND) if sure else background[i]
        weight[i] *= kind(_BACKGROUND_WEIGHT)
    return background, weight


@njit(nogil=True, fastmath={"reassoc", "nsz"})
def _connectivity(near, border, order):  # type: ignore[no-untyped-def]
    """Boundary connectivity (N,): weight of the border over the root of the area.

    `near` is in the order of `order`.
    """
    found, on_border = np.empty(len(near), near.dtype), np.empty_like(border)
    for i in range(len(near)):
        on_border[i] = border[order[i]]
    for i in range(len(near)):
        length = area = near.dtype.type(0)
        for j in range(len(near)):
            area += near[i, j]
            length += near[i, j] if on_border[j] else near.dtype.type(0)
        found[order[i]] = length / np.sqrt(area)
    return found


@njit(nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _contrast(contrast_of, spatial, background):  # type: ignore[no-untyped-def]
    """Contrast to the background near by, in [0, 1], 0 below Otsu's level."""
    contrast = np.empty_like(background)
    for i in range(len(background)):
        total = background.dtype.type(0)
        for j in range(len(background)):
            total += contrast_of[i, j] * spatial[i, j] * background[j]
        contrast[i] = total
    low, high = contrast.min(), contrast.max()
    spread = high - low + contrast.dtype.type(EPSILON)
    for i in range(len(contrast)):
        contrast[i] = (contrast[i] - low) / spread
    level = otsu(contrast)
    for i in range(len(contrast)):
        contrast[i] = contrast[i] if contrast[i] >= level else 0
    return contrast


@njit(nogil=True)
def _smoothness(weight, ring, border, pairs):  # type: ignore[no-untyped-def]
    """Keep weights of linked regions, and add mu for each way in which they touch."""
    kind = weight.dtype.type
    for i in range(len(weight)):
        for j in range(len(weight)):
            keep = ring[i, j] | (border[i] & border[j])
            weight[i, j] = weight[i, j] if keep else kind(0)
    for pair in range(len(pairs)):
        i, j = pairs[pair]
        weight[i, j] += kind(_SMOOTHNESS)
        weight[j, i] += kind(_SMOOTHNESS)


@njit(nogil=True, fastmath={"reassoc", "nsz"})
def _system(weight, background, foreground):  # type: ignore[no-untyped-def]
    """Turn weights w into the matrix of the optimum, in place.

    sum b s^2 + f (s - 1)^2 + 1/2 sum_ij w_ij (s_i - s_j)^2 is least where the Laplacian
    of w plus the diagonal b + f, times s, is f.
    """
    for i in range(len(weight)):
        total = weight.dtype.type(0)
        for j in range(len(weight)):
            total += weight[i, j]
            weight[i, j] = -weight[i, j]
        weight[i, i] += total + background[i] + foreground[i]
