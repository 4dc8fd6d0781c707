"""Shortest paths between the regions of a graph."""

import numpy as np

from dilo.kernel_cache import njit


@njit(nogil=True)
def path_lengths(contrast, links, clip, lengths):  # type: ignore[no-untyped-def]
    """Write the lengths of the edges of GS's and RBD's graph; inf where there is none.

    `contrast` and `lengths` are (N, N); `links` are (neighbors (N, N), border (N,)):
    regions of the border are all linked. A contrast of `clip` costs nothing.
    """
    neighbors, border = links
    free, zero = contrast.dtype.type(clip), contrast.dtype.type(0)
    for i in range(len(contrast)):
        for j in range(len(contrast)):
            linked = neighbors[i, j] | (border[i] & border[j])
            lengths[i, j] = max(contrast[i, j] - free, zero) if linked else np.inf


@njit(nogil=True, fastmath={"nnan", "nsz"})  # else min() is slow
def shortest_paths(lengths, last, limit, paths):  # type: ignore[no-untyped-def]
    """Write to `paths` the shortest paths in an order of their own; return that order.

    `lengths` (N, N) are of the edges, symmetric, inf where there is none; `last` (N,)
    are nodes with many. Paths above `limit` only have to come out above it.

    Nodes are taken out one after the other, and their later neighbours within the
    limit joined by a path through them; then, from the last to the first, a node's
    paths start along one of these edges. Regions have few neighbours, so that this is
    a small part of Floyd and Warshall's work; the regions of the border, which are all
    neighbours, stay until the end and are left to that.
    """
    order, inner = _order(last)
    count, one = np.uint64(len(lengths)), np.uint64(1)
    _reorder(lengths, order, paths)
    flat = paths.reshape(-1)
    near, row = np.empty(count + one, np.uint64), np.empty(count, lengths.dtype)
    for k in range(inner):
        found = _later_neighbors(flat, (k, count), limit, near)
        for j in range(k + one, count):
            row[j] = flat[k * count + j]
        for f in range(found):
            start, leg = near[f] * count, row[near[f]]
            for j in range(k + one, count):
                flat[start + j] = min(flat[start + j], leg + row[j])
    _floyd_warshall(flat, (inner, count), limit, row)
    for back in range(inner):
        k = inner - one - back
        found = _later_neighbors(flat, (k, count), limit, near)
        _paths_of(flat, (k, count), near[:found], row)
    return order


@njit(nogil=True)
def _order(last):  # type: ignore[no-untyped-def]
    """Indices of the nodes that are not `last`, then of the others; how many not."""
    order = np.empty(len(last), np.uint64)
    inner = 0
    for i in range(len(last)):
        order[inner] = i
        inner += not last[i]
    place = inner
    for i in range(len(last)):
        if last[i]:
            order[place] = i
            place += 1
    return order, np.uint64(inner)


@njit(nogil=True)
def _reorder(lengths, order, paths):  # type: ignore[no-untyped-def]
    for i in range(np.uint64(len(order))):
        for j in range(np.uint64(len(order))):
            paths[i, j] = lengths[order[i], order[j]]
        paths[i, i] = 0


@njit(nogil=True)
def _later_neighbors(flat, node, limit, near):  # type: ignore[no-untyped-def]
    """Write the nodes after `node` within the limit of it; return their number."""
    k, count = node
    found, one = np.uint64(0), np.uint64(1)
    for j in range(k + one, count):
        near[found] = j  # without a branch: neighbours cannot be predicted
        found += np.uint64(flat[k * count + j] <= limit)
    return found


@njit(nogil=True, fastmath={"nnan", "nsz"})
def _floyd_warshall(flat, nodes, limit, row):  # type: ignore[no-untyped-def]
    """Find the shortest paths among the nodes from the first of `nodes` on."""
    first, count = nodes
    for k in range(first, count):
        for j in range(first, count):
            row[j] = flat[k * count + j]
        for i in range(first, count):
            if row[i] <= limit:
                start, leg = i * count, row[i]
                for j in range(first, count):
                    flat[start + j] = min(flat[start + j], leg + row[j])


@njit(nogil=True, fastmath={"nnan", "nsz"})
def _paths_of(flat, node, near, row):  # type: ignore[no-untyped-def]
    """Find a node's shortest paths to later ones, four first steps at a time."""
    k, count = node
    start = k * count
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    fours = np.uint64(len(near)) // np.uint64(4)
    for j in range(k + one, count):
        row[j] = np.inf
    for four in range(fours):
        f = four * np.uint64(4)
        i, j, m, n = near[f], near[f + one], near[f + two], near[f + three]
        a, b, c, d = flat[start + i], flat[start + j], flat[start + m], flat[start + n]
        i, j, m, n = i * count, j * count, m * count, n * count
        for x in range(k + one, count):
            first = min(a + flat[i + x], b + flat[j + x])
            second = min(c + flat[m + x], d + flat[n + x])
            row[x] = min(row[x], min(first, second))
    for rest in range(fours * np.uint64(4), np.uint64(len(near))):
        a, i = flat[start + near[rest]], near[rest] * count
        for x in range(k + one, count):
            row[x] = min(row[x], a + flat[i + x])
    for x in range(k + one, count):
        flat[start + x] = flat[x * count + k] = row[x]
