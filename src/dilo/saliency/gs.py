"""GS: geodesic saliency, on superpixels.

Source: Wei et al., "Geodesic saliency using background priors", ECCV 2012, with the
constants and the extra steps of the program that was released with RBD.
"""

from typing import NamedTuple

import numpy as np

from dilo.image import Image, Map
from dilo.kernel_cache import njit
from dilo.saliency.color import mean_lab
from dilo.saliency.graph import (
    Bools,
    Floats,
    RegionGraph,
    distances,
    linked_pairs,
    mean_nearest,
    neighbors_of,
    paint,
    two_ring,
)
from dilo.saliency.numeric import stretch
from dilo.saliency.rbd import RbdSteps
from dilo.saliency.superpixels import image_graph
from dilo.saliency.working import bounded, within_frame

_SIMILAR_SHARE = 1 / 40  # of all regions: so many of the border must look alike
_SEED_CONTRAST = 0.5  # of the strongest along the border; above, no background seed
_TOP_SHARE = 0.02  # of the regions gets the full saliency
# The most salient regions are at least so far from the background in Lab; stretching
# less would show noise. Far are they 0.5 on noise of 9 grey levels, 3.8 on noise of 30
# (256 x 192 pixels), 6 where an object differs by 16 grey levels from flat ground, and
# 5.5 to 150 on 1580 photographs.
_NOTHING_FOUND = 5.0


class GsSteps(NamedTuple):
    """What GS computes on the way, for N regions."""

    clip: float  # colour distance that costs nothing on a path
    seeds: Bools  # (N,), regions of the border that are taken for background
    reach: float  # Lab distance that the most salient regions are from the seeds
    saliency: Floats  # (N,), distance to the seeds in [0, 1], 1 from `reach` on


@bounded
def gs(image: Image, remove_frame: bool = False) -> Map:
    """Estimate saliency from the colour steps on the way to the image border.

    Args:
        image: uint8 (H, W, 3), sRGB.
        remove_frame: find an artificial frame and give it zero saliency.

    Returns:
        float32 (H, W) in [0, 1]; all zeros where nothing stands out.

    Raises:
        InputError: `image` is no Image.

    Source: Wei et al., ECCV 2012.
    """
    return within_frame(image, _gs) if remove_frame else _gs(image)


def _gs(image: Image) -> Map:
    graph = image_graph(image)
    return paint(gs_of_graph(graph), graph.labels)


def gs_of_graph(graph: RegionGraph, known: RbdSteps | None = None) -> Floats:
    """Saliency (N,) in [0, 1] of the regions of a graph; `known` as for `gs_steps`."""
    steps = gs_steps(graph, known)
    if steps.reach < _NOTHING_FOUND:
        return np.zeros_like(steps.saliency)
    return stretch(steps.saliency)


def gs_steps(graph: RegionGraph, known: RbdSteps | None = None) -> GsSteps:
    """Run GS on a region graph and return every step.

    Args:
        graph: the regions; links between all regions of the border are added.
        known: RBD's steps on this graph, to take colours and clip from.
    """
    if known is None:
        color = mean_lab(graph.rgb).astype(graph.rgb.dtype)
        clip = _clip(color, graph.links)
    else:
        color, clip = known.color, known.clip
    kind = color.dtype.type
    steps = _steps(color, kind(clip), graph.position, graph.links, graph.border)
    return GsSteps(clip, *steps)


@njit(nogil=True)
def _clip(color, links):  # type: ignore[no-untyped-def]
    """Mean over regions of the distance to the most alike within two links."""
    if len(color) == 1:
        return 0.0
    pairs = linked_pairs(links)
    ring = two_ring(neighbors_of(pairs, len(links)), pairs)
    return mean_nearest(distances(color), ring)


@njit(nogil=True)
def _steps(color, clip, position, links, border):  # type: ignore[no-untyped-def]
    """Compute the fields of `GsSteps` after the first: one call, for speed."""
    count, kind = len(color), color.dtype.type
    contrast = distances(color)
    places = np.flatnonzero(border)
    similar = max(1, int(count * _SIMILAR_SHARE + 0.5))
    border_contrast = _border_contrast(contrast, position, places, similar)
    low, high = border_contrast.min(), border_contrast.max()
    highest = high if high - low <= 1 else low + _SEED_CONTRAST * (high - low)
    seeds = np.zeros(count, np.bool_)
    for place in range(len(places)):
        seeds[places[place]] = border_contrast[place] <= highest
    distance = _distance_to(
        seeds, contrast, clip, (neighbors_of(linked_pairs(links), count), border)
    )
    top = max(1, int(count * _TOP_SHARE + 0.5))
    reach = np.sort(distance)[-top]
    saliency = np.zeros(count, color.dtype)
    if reach > 0:
        saliency = np.minimum(distance / reach, kind(1))
    return seeds, reach, saliency


@njit(nogil=True)
def _border_contrast(contrast, position, border, similar):  # type: ignore[no-untyped-def]
    """Mean distance of each border region to the `similar` ones most like it.

    Colours count less the farther apart two regions lie.
    """
    count = len(border)
    similar = min(similar, count - 1)
    found = np.zeros(count, contrast.dtype)
    nearest = np.empty(similar + 1, contrast.dtype)
    for a in range(count):
        nearest[:] = np.inf
        for b in range(count):
            i, j = border[a], border[b]
            dy = position[i, 0] - position[j, 0]
            dx = position[i, 1] - position[j, 1]
            value = contrast[i, j] / (1 + 3 * np.sqrt(dy * dy + dx * dx))
            if a == b or value >= nearest[similar - 1]:
                continue
            place = similar - 1
            while place > 0 and nearest[place - 1] > value:
                nearest[place] = nearest[place - 1]
                place -= 1
            nearest[place] = value
        for place in range(similar):
            found[a] += nearest[place] / similar
    return found


@njit(nogil=True, fastmath={"nnan", "nsz"})  # lets min() run in SIMD
def _distance_to(seeds, contrast, clip, links):  # type: ignore[no-untyped-def]
    """Length of the shortest path from each region to a seed (Dijkstra's algorithm).

    `links` are (neighbors, border): all regions of the border are linked too.
    """
    neighbors, border = links
    count = len(seeds)
    kind = contrast.dtype.type
    distance = np.where(seeds, kind(0), kind(np.inf))
    waiting = distance.copy()  # infinite for regions that are done
    for _ in range(count):
        least = kind(np.inf)
        for j in range(count):
            least = min(least, waiting[j])
        i = 0
        while i < count - 1 and waiting[i] != least:
            i += 1
        waiting[i] = np.inf
        for j in range(count):
            linked = neighbors[i, j] | (border[i] & border[j])
            step = max(contrast[i, j] - clip, kind(0))
            length = least + step if linked else kind(np.inf)
            closer = length < distance[j]
            distance[j] = length if closer else distance[j]
            waiting[j] = length if closer else waiting[j]
    return distance
