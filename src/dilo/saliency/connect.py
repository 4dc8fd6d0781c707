"""Make regions of an image connected, and merge the small ones.

Works on runs, stretches of equal labels within a row: there are ten times fewer of
them than pixels. After the runs of a row comes an entry that only marks its end, so
that run r always reaches from starts[r] to starts[r + 1].
"""

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.kernel_cache import njit
from dilo.saliency.scratch import scratch

Labels = NDArray[np.int32]  # (H, W), 0..n-1
# First columns of all runs (kept until the next call of this thread), and the first
# entry of every row.
Runs = tuple[NDArray[np.int32], NDArray[np.int64]]

_BLOCK = 16  # pixels that are written at once


def connect(
    labels: Labels, smallest: int, width: int | None = None
) -> tuple[Labels, Runs]:
    """Split labels into 4-connected parts and merge the small ones into a neighbour.

    Parts are numbered in raster order of their first pixel. A part of at most
    `smallest` pixels joins an earlier part that its first pixel touches.

    Args:
        labels: integers (H, W).
        smallest: pixels of the largest part that is merged.
        width: how many columns count, where rows are padded; None counts all.

    Returns:
        The labels and their runs, kept only until the next call of this thread.

    Raises:
        InputError: the labels are none, or `width` exceeds them.
    """
    check_labels(labels)
    labels = np.ascontiguousarray(labels, np.int32)
    height, columns = labels.shape
    width = columns if width is None else width
    if not 1 <= width <= columns:
        raise InputError(f"width must be from 1 to {columns}, got {width}")
    starts = _room(height, width)
    # A run is written in whole blocks; what is too much, the next one overwrites.
    merged = scratch("merged", (height * width + _BLOCK,), np.int32)
    rows = _connect(labels, width, smallest, starts, merged)
    return merged[: height * width].reshape(height, width), (starts, rows)


def check_labels(labels: Labels) -> None:
    """Raise InputError unless `labels` is an array (H, W) of integers, not empty."""
    if not isinstance(labels, np.ndarray):
        raise InputError(f"labels are a numpy array, got {type(labels).__name__}")
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or labels.size == 0:
        raise InputError(
            f"labels are integers (H, W), got {labels.dtype} {labels.shape}"
        )


def find_runs(labels: Labels) -> Runs:
    """Find the runs of a contiguous label image."""
    starts = _room(*labels.shape)
    return starts, _image_runs(labels, labels.shape[1], starts)


def _room(height: int, width: int) -> NDArray[np.int32]:
    """Room for the runs of any image of this size, kept until the next call."""
    return scratch("runs", (height * (width + 1) + 8,), np.int32)


@njit(nogil=True)
def _connect(labels, width, smallest, starts, merged):  # type: ignore[no-untyped-def]
    height = len(labels)
    rows = _image_runs(labels, width, starts)
    parts = _parts(labels, starts, rows)
    size = np.zeros(rows[height], np.int32)
    for run in range(rows[height]):  # a row's end counts for a part of its own
        size[parts[run]] += starts[run + 1] - starts[run]
    final = np.empty(rows[height], np.int32)  # of each part, at its first run
    adjacent = count = 0
    for y in range(height):
        above, below = rows[max(y - 1, 0)], rows[y + 1]
        for run in range(rows[y], rows[y + 1] - 1):
            if parts[run] == run:
                while y > 0 and starts[above + 1] <= starts[run]:
                    above += 1
                while y + 1 < height and starts[below + 1] <= starts[run]:
                    below += 1
                near = (above if y > 0 else -1, below if y + 1 < height else -1)
                earlier = _earlier_part(run, near, parts, starts)
                adjacent = final[earlier] if earlier >= 0 else adjacent
                small = size[run] <= smallest
                final[run] = adjacent if small else count
                count += not small
            begin, end = y * width + starts[run], y * width + starts[run + 1]
            _write(merged, np.uint64(begin), np.uint64(end), final[parts[run]])
    return rows


@njit(nogil=True)
def _write(merged, begin, end, value):  # type: ignore[no-untyped-def]
    while begin < end:
        for x in range(np.uint64(_BLOCK)):
            merged[begin + x] = value
        begin += np.uint64(_BLOCK)


@njit(nogil=True)
def _image_runs(labels, width, starts):  # type: ignore[no-untyped-def]
    """Write the first column of every run to `starts`; return the rows' first entries.

    The entries of row y are rows[y] to rows[y + 1] - 1, and the last of them is the
    row's end, not a run.
    """
    height = len(labels)
    rows = np.empty(height + 1, np.int64)
    changes = np.zeros((width + 8) // 8 * 8, np.uint8)
    rows[0] = 0
    for y in range(height):
        runs = row_runs(labels[y, :width], changes, starts[rows[y] :])
        rows[y + 1] = rows[y] + runs + 1
    return rows


@njit(nogil=True)
def row_runs(labels, changes, starts):  # type: ignore[no-untyped-def]
    """Write the first column of every run of a row, and its end; return their number.

    `changes` has a whole number of eights above the width, 0 beyond the row: eight
    columns without a change are skipped at once.
    """
    width, one = np.uint64(labels.size), np.uint64(1)
    for x in range(one, width):
        changes[x] = labels[x] != labels[x - one]
    starts[0] = 0
    runs = places_of(changes, starts[1:]) + 1
    starts[runs] = width
    return runs


@njit(nogil=True)
def places_of(changes, places):  # type: ignore[no-untyped-def]
    """Write the indices of the ones among bytes 0 and 1; return their number.

    There are a whole number of eights, and room for eight places too many.
    """
    blocks, eight = changes.view(np.uint64), np.uint64(8)
    count = np.uint64(0)
    for block in range(np.uint64(blocks.size)):
        if blocks[block]:
            for i in range(block * eight, block * eight + eight):
                places[count] = i  # without a branch: changes cannot be predicted
                count += np.uint64(changes[i])
    return np.int64(count)


@njit(nogil=True)
def _parts(labels, starts, rows):  # type: ignore[no-untyped-def]
    """Name each run's 4-connected part after the part's first run, in raster order."""
    parent = np.arange(rows[-1])
    for y in range(1, len(rows) - 1):
        up, down = rows[y - 1], rows[y]
        while up + 1 < rows[y] and down + 1 < rows[y + 1]:
            x = max(starts[up], starts[down])
            if labels[y - 1, x] == labels[y, x]:
                _join(parent, up, down)
            up_end, down_end = starts[up + 1], starts[down + 1]
            up += up_end <= down_end
            down += down_end <= up_end
    for run in range(len(parent)):
        parent[run] = parent[parent[run]]  # the parent is earlier, so it is final
    return parent


@njit(nogil=True)
def _join(parent, a, b):  # type: ignore[no-untyped-def]
    """Unite two trees under the earlier root."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    while parent[b] != b:
        parent[b] = parent[parent[b]]
        b = parent[b]
    parent[max(a, b)] = min(a, b)


@njit(nogil=True)
def _earlier_part(run, near, parts, starts):  # type: ignore[no-untyped-def]
    """Part before this run's that touches its first pixel, or -1.

    `near` are the runs above and below that pixel, or -1. Of several parts the last in
    the order left, up, right, down counts.
    """
    above, below = near
    found = parts[run - 1] if starts[run] > 0 else -1
    if above >= 0:
        found = parts[above]
    if starts[run + 1] == starts[run] + 1 and parts[run + 1] < run:
        found = parts[run + 1]  # a row's end is its own part, later than `run`
    if below >= 0 and parts[below] < run:
        found = parts[below]
    return found
