"""RBD: robust background detection.

Source: Zhu et al., "Saliency optimization from robust background detection", CVPR
2014, with the constants and the extra steps of the program that its authors released.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from dilo.errors import InputError
from dilo.image import Image, Map, check_image
from dilo.saliency.color import mean_lab, pixel_lab
from dilo.saliency.connect import Labels
from dilo.saliency.frame import find_frame
from dilo.saliency.graph import (
    Bools,
    Floats,
    RegionGraph,
    distances,
    linked_pairs,
    mean_nearest,
    paint,
    region_graph,
    two_ring,
)
from dilo.saliency.paths import path_lengths, shortest_paths
from dilo.saliency.scratch import scratch
from dilo.saliency.slic import padded_width, slic, superpixel_side
from dilo.saliency.solve import minimize

_PIXELS_PER_SUPERPIXEL = 600  # of the released program
_STANDARD_PIXELS = 80_000  # below, that leaves too few: on 300 images of DUTS at 256 x
# 192, 200 superpixels instead of 82 raise maxF from .805 to .815, and MAE .165 to .153
_SUPERPIXELS_OF_SMALL = 200
_FEWEST_PIXELS = 38  # in a superpixel: at 48 x 48, 60 superpixels of 6 x 6
_MOST_SUPERPIXELS = 400  # time and memory grow with their cube and square
_EPSILON = 2.2e-16

_SPATIAL_SIGMA = 0.4  # of the contrast, in shares of the image side
_BACKGROUND_WEIGHT = 5.0  # lambda of the released program
_SURE_BACKGROUND = 1000.0  # weight where the boundary connectivity is above 3
_SMOOTHNESS = 0.1  # mu: least weight between touching regions
# Where nothing stands out all regions are background and the optimum stays small;
# stretching it to [0, 1] would show noise. Its maximum is 0.0002 on flat images and
# faint noise, 0.13 on noise of 30 grey levels, and 0.32 to 0.98 on 728 photographs.
_NOTHING_FOUND = 0.15


@dataclass(frozen=True)
class RbdSteps:
    """What RBD computes on the way, for N regions.

    Attributes:
        color: (N, 3) Lab.
        clip: colour distance that costs nothing on a path.
        geodesic_sigma: colour distance within which regions count as one area.
        smoothness_sigma: colour distance within which neighbours should agree.
        boundary_connectivity: (N,) border length over root area; high is background.
        background: (N,) probability.
        contrast: (N,) in [0, 1], cut below Otsu's level.
        saliency: (N,) the optimum, before it is stretched to [0, 1].
    """

    color: Floats
    clip: float
    geodesic_sigma: float
    smoothness_sigma: float
    boundary_connectivity: Floats
    background: Floats
    contrast: Floats
    saliency: Floats


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
    check_image(image)
    if superpixels is not None and superpixels < 1:
        raise InputError(f"superpixels must be at least 1, got {superpixels}")
    if not remove_frame:
        return _rbd(image, superpixels)
    saliency = np.zeros(image.shape[:2], np.float32)
    inside = find_frame(image)
    saliency[inside] = _rbd(np.ascontiguousarray(image[inside]), superpixels)
    return saliency


def _rbd(image: Image, superpixels: int | None) -> Map:
    height, width, _ = image.shape
    count = superpixels or default_superpixels(height, width)
    side = superpixel_side(height, width, count)
    room = scratch("lab", (height, 3, padded_width(width)), np.float32)
    room[:, :, width:] = 0
    labels = slic(pixel_lab(image, out=room), side, width=width)
    return rbd_of_regions(image, labels, border_band(side))


def default_superpixels(height: int, width: int) -> int:
    """Choose how many superpixels an image of this size is divided into."""
    pixels = height * width
    if pixels >= _STANDARD_PIXELS:
        return min(int(pixels / _PIXELS_PER_SUPERPIXEL + 0.5), _MOST_SUPERPIXELS)
    return max(1, min(round(pixels / _FEWEST_PIXELS), _SUPERPIXELS_OF_SMALL))


def border_band(side: int) -> int:
    """Width of the border band in pixels; 8 for superpixels of 24 or 25 pixels."""
    return max(1, round(side / 3))


def rbd_of_regions(image: Image, labels: Labels, band: int) -> Map:
    """Estimate saliency of given regions `labels`; else as `rbd`."""
    graph = region_graph(image, labels, band, np.float32)
    saliency = rbd_steps(graph).saliency
    if saliency.max() < _NOTHING_FOUND:
        return np.zeros(labels.shape, np.float32)
    return paint(_stretch(saliency), graph.labels)


def rbd_steps(graph: RegionGraph) -> RbdSteps:
    """Run RBD on a region graph and return every step."""
    kind = graph.rgb.dtype.type
    color = mean_lab(graph.rgb.astype(np.float64)).astype(kind)
    contrast_of = distances(color)
    neighbors = graph.neighbors
    ring = two_ring(neighbors)
    clip, geodesic_sigma, smoothness_sigma = _scales(contrast_of, neighbors, ring)
    lengths = path_lengths(contrast_of, neighbors, graph.border, clip)
    near = _kernel(shortest_paths(lengths, 3 * geodesic_sigma), geodesic_sigma)
    connectivity = near @ graph.border.astype(kind) / np.sqrt(near.sum(axis=1))
    background = 1 - np.exp(connectivity**2 / -2)
    spatial = _kernel(distances(graph.position), _SPATIAL_SIGMA)
    contrast = _stretch((contrast_of * spatial) @ background)
    contrast[contrast < otsu(contrast)] = 0
    linked = (ring, graph.links, graph.border)
    smooth = _smoothness(_kernel(contrast_of, smoothness_sigma), *linked)
    weight = np.where(connectivity > 3, kind(_SURE_BACKGROUND), background)
    saliency = _optimum(smooth, _BACKGROUND_WEIGHT * weight, contrast)
    return RbdSteps(
        color,
        clip,
        geodesic_sigma,
        smoothness_sigma,
        connectivity,
        background,
        contrast,
        saliency,
    )


def otsu(values: Floats) -> float:
    """Threshold in [0, 1] between two classes of 8-bit values; 0 if there is one class.

    Source: Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    grey = np.floor(values.clip(0, 1) * 255 + 0.5).astype(np.int64)
    share = np.bincount(grey, minlength=256) / values.size
    below = np.cumsum(share)
    mean = np.cumsum(share * np.arange(256))
    spread = below * (1 - below)
    between = np.zeros(256)
    np.divide((mean[-1] * below - mean) ** 2, spread, between, where=spread > 1e-12)
    if not between.any():
        return 0.0
    return float(np.flatnonzero(between == between.max()).mean() / 255)


def _scales(
    contrast: Floats, neighbors: Bools, ring: Bools
) -> tuple[float, float, float]:
    """Adapt clip, geodesic sigma and smoothness sigma to the image's colours."""
    edges = linked_pairs(contrast, neighbors)
    if edges.size == 0:
        return 0.0, 5.0, 0.0
    one_ring, clip = mean_nearest(contrast, neighbors), mean_nearest(contrast, ring)
    strongest = max(1, int(0.01 * edges.size + 0.5))
    top = float(np.partition(edges, -strongest)[-strongest:].mean())
    geodesic_sigma = max(5.0, min(10.0, 3 * one_ring, top / 10))
    return clip, geodesic_sigma, min(3 * one_ring, 0.2 * top, 20.0)


def _kernel(distance: Floats, sigma: float) -> Floats:
    """Gaussian weight of a distance, 0 beyond three sigma."""
    if sigma <= 0:
        return (distance <= 0).astype(distance.dtype)
    return _gaussian(distance, -0.5 / sigma**2, 3 * sigma)


@njit(cache=True, nogil=True, fastmath={"contract"})
def _gaussian(distance, factor, farthest):  # type: ignore[no-untyped-def]
    """Weights exp(factor * distance^2), 0 beyond the farthest; exponents above -4.5.

    The eighth power of the Taylor series at an eighth of the exponent: good to the
    rounding of float32 and, unlike exp(), in SIMD.
    """
    kind = distance.dtype.type
    weight = np.empty_like(distance)
    eighth, last = kind(factor / 8), kind(farthest)
    flat, result = distance.reshape(-1), weight.reshape(-1)
    for i in range(np.uint64(flat.size)):
        x = flat[i] * flat[i] * eighth
        power = kind(1)
        for order in range(10, 0, -1):
            power = kind(1) + x * kind(1 / order) * power
        power *= power
        power *= power
        power *= power
        result[i] = power if flat[i] <= last else kind(0)
    return weight


@njit(cache=True, nogil=True)
def _smoothness(weight, ring, links, border):  # type: ignore[no-untyped-def]
    """Keep weights of linked regions, and add mu for each way in which they touch."""
    kind = weight.dtype.type
    smooth = np.empty_like(weight)
    for i in range(len(weight)):
        for j in range(len(weight)):
            linked = ring[i, j] | (border[i] & border[j])
            smooth[i, j] = weight[i, j] if linked else kind(0)
            smooth[i, j] += kind(_SMOOTHNESS) if links[i, j] else kind(0)
    for j in range(len(weight)):  # the other way, along the columns of `links`
        for i in range(len(weight)):
            smooth[j, i] += kind(_SMOOTHNESS) if links[i, j] else kind(0)
    return smooth


def _stretch(values: Floats) -> Floats:
    low, high = values.min(), values.max()
    return (values - low) / (high - low + _EPSILON)


def _optimum(smooth: Floats, background: Floats, foreground: Floats) -> Floats:
    """Minimise sum b s^2 + f (s - 1)^2 + 1/2 sum_ij w_ij (s_i - s_j)^2."""
    return minimize(_system(smooth, background + foreground), foreground)


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def _system(smooth, diagonal):  # type: ignore[no-untyped-def]
    """Graph Laplacian of the weights `smooth` plus a diagonal."""
    system = np.empty_like(smooth)
    for i in range(len(smooth)):
        total = smooth.dtype.type(0)
        for j in range(len(smooth)):
            system[i, j] = -smooth[i, j]
            total += smooth[i, j]
        system[i, i] += total + diagonal[i]
    return system
