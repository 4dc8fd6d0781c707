"""Make regions of an image connected, and merge the small ones.

Works on runs, stretches of equal labels within a row: there are ten times fewer of
them than pixels.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Labels = NDArray[np.int32]  # (H, W), 0..n-1


def connect(labels: Labels, smallest: int) -> Labels:
    """Split labels into 4-connected parts and merge the small ones into a neighbour.

    Parts are numbered in raster order of their first pixel. A part of at most
    `smallest` pixels joins an earlier part that its first pixel touches.
    """
    return _connect(np.ascontiguousarray(labels, np.int32), smallest)


@njit(cache=True, nogil=True)
def _connect(labels, smallest):  # type: ignore[no-untyped-def]
    height, width = labels.shape
    starts, first_run = image_runs(labels)
    parts = _parts(labels, starts, first_run)
    size = np.zeros(len(starts), np.int64)
    for y in range(height):
        for run in range(first_run[y], first_run[y + 1]):
            end = starts[run + 1] if run + 1 < first_run[y + 1] else width
            size[parts[run]] += end - starts[run]
    final = np.empty(len(starts), np.int32)  # of each part, at its first run
    adjacent = count = 0
    merged = np.empty((height, width), np.int32)
    for y in range(height):
        for run in range(first_run[y], first_run[y + 1]):
            end = starts[run + 1] if run + 1 < first_run[y + 1] else width
            if parts[run] == run:
                earlier = _earlier_part(run, y, end, parts, starts, first_run)
                adjacent = final[earlier] if earlier >= 0 else adjacent
                small = size[run] <= smallest
                final[run] = adjacent if small else count
                count += not small
            value = final[parts[run]]
            for x in range(starts[run], end):
                merged[y, x] = value
    return merged


@njit(cache=True, nogil=True)
def image_runs(labels):  # type: ignore[no-untyped-def]
    """First column of every run of equal labels, and the first run of every row."""
    height, width = labels.shape
    starts = np.empty(height * width + 9, np.int32)
    first_run = np.empty(height + 1, np.int64)
    changes = np.zeros((width + 8) // 8 * 8, np.uint8)
    count = 0
    for y in range(height):
        first_run[y] = count
        count += row_runs(labels[y], changes, starts[count:])
    first_run[height] = count
    return starts[:count].copy(), first_run


@njit(cache=True, nogil=True)
def row_runs(labels, changes, starts):  # type: ignore[no-untyped-def]
    """Write the first column of every run of a row, and its end; return their number.

    `changes` has a whole number of eights above the width, 0 beyond the row: eight
    columns without a change are skipped at once.
    """
    width = np.uint64(labels.size)
    one, eight = np.uint64(1), np.uint64(8)
    for x in range(one, width):
        changes[x] = labels[x] != labels[x - one]
    blocks = changes.view(np.uint64)
    starts[0] = 0
    runs = one
    for block in range(np.uint64(blocks.size)):
        if blocks[block]:
            for x in range(block * eight, block * eight + eight):
                starts[runs] = x  # without a branch: changes cannot be predicted
                runs += np.uint64(changes[x])
    starts[runs] = width
    return np.int64(runs)


@njit(cache=True, nogil=True)
def _parts(labels, starts, first_run):  # type: ignore[no-untyped-def]
    """Name each run's 4-connected part after the part's first run, in raster order."""
    parent = np.arange(len(starts))
    for y in range(1, len(first_run) - 1):
        up, down = first_run[y - 1], first_run[y]
        while up < first_run[y] and down < first_run[y + 1]:
            x = max(starts[up], starts[down])
            if labels[y - 1, x] == labels[y, x]:
                _join(parent, up, down)
            up_end = starts[up + 1] if up + 1 < first_run[y] else labels.shape[1]
            end = starts[down + 1] if down + 1 < first_run[y + 1] else labels.shape[1]
            up += up_end <= end
            down += end <= up_end
    for run in range(len(parent)):
        parent[run] = parent[parent[run]]  # the parent is earlier, so it is final
    return parent


@njit(cache=True, nogil=True)
def _join(parent, a, b):  # type: ignore[no-untyped-def]
    """Unite two trees under the earlier root."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    while parent[b] != b:
        parent[b] = parent[parent[b]]
        b = parent[b]
    parent[max(a, b)] = min(a, b)


@njit(cache=True, nogil=True)
def _earlier_part(run, y, end, parts, starts, first_run):  # type: ignore[no-untyped-def]
    """Part before this run's that touches its first pixel, or -1.

    Of several the last in the order left, up, right, down counts.
    """
    x = starts[run]
    found = parts[run - 1] if x > 0 else -1
    if y > 0:
        above = starts[first_run[y - 1] : first_run[y]]
        found = parts[first_run[y - 1] + np.searchsorted(above, x, "right") - 1]
    if end == x + 1 and run + 1 < first_run[y + 1] and parts[run + 1] < run:
        found = parts[run + 1]
    if y + 2 < len(first_run):
        below = starts[first_run[y + 1] : first_run[y + 2]]
        part = parts[first_run[y + 1] + np.searchsorted(below, x, "right") - 1]
        found = part if part < run else found
    return found
