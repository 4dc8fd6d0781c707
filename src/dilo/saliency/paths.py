"""Shortest paths between the regions of a graph."""

import numpy as np
from numba import njit

from dilo.saliency.graph import Bools, Floats


def path_lengths(
    contrast: Floats, neighbors: Bools, border: Bools, clip: float
) -> Floats:
    """Lengths of the edges of GS's and RBD's graph, (N, N); inf where there is none.

    Args:
        contrast: (N, N) colour distances.
        neighbors: (N, N) regions that touch.
        border: (N,) regions that are all linked with each other.
        clip: contrast that costs nothing.
    """
    return _path_lengths(contrast, neighbors, border, clip)


def shortest_paths(lengths: Floats, limit: float = np.inf) -> Floats:
    """Length of the shortest path between every two nodes, (N, N).

    Args:
        lengths: symmetric (N, N) of edge lengths >= 0, inf where there is no edge.
        limit: paths longer than this only have to come out longer than this.
    """
    return _shortest_paths(lengths, lengths.dtype.type(limit))


@njit(cache=True, nogil=True)
def _path_lengths(contrast, neighbors, border, clip):  # type: ignore[no-untyped-def]
    lengths = np.empty_like(contrast)
    free, zero = contrast.dtype.type(clip), contrast.dtype.type(0)
    for i in range(len(contrast)):
        for j in range(len(contrast)):
            linked = neighbors[i, j] | (border[i] & border[j])
            lengths[i, j] = max(contrast[i, j] - free, zero) if linked else np.inf
    return lengths


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
