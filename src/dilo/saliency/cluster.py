"""K-means of pixels in colour and position, each centre within its window.

Rows are padded to whole vectors, and a strip of rows is finished at a time.

Source: Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel
methods", PAMI 2012.
"""

import numpy as np
from numpy.typing import NDArray

from dilo.kernel_cache import njit
from dilo.saliency.connect import Labels, places_of, row_runs
from dilo.saliency.scratch import scratch

_VECTOR = 16  # columns that are computed at once: rows are padded to whole vectors
# Rows that are finished together. One centre after the other claims pixels of the same
# rows; what one wrote must have left the store buffer when the next reads it, but
# should still be in the fast cache when the changes are counted.
_STRIP = 32
_UNIT = 65536.0  # Lab is summed in whole numbers of 1 / _UNIT: their order is free


def cluster(
    lab: NDArray[np.floating],
    centers: NDArray[np.float64],
    rule: tuple[int, float, int, int],
) -> Labels:
    """Give each pixel to the nearest of the centres within reach of it.

    Args:
        lab: float32 or float64 (H, 3, W).
        centers: (N, 5) of L, a, b, x, y within the image, in raster order; moved.
        rule: (reach of a centre in pixels, squared Lab units that one squared pixel of
            distance weighs, rounds of assigning pixels and moving the centres, visit
            only every so many rows in all rounds but the last).

    Returns:
        int32 (H, W or more) indices of centres; not connected, and kept only until
        the next call of this thread.
    """
    height, _, width = lab.shape
    # An odd number of vectors: rows a power of two apart would compete for the same
    # places of the cache.
    columns = (-(-width // _VECTOR) | 1) * _VECTOR
    padded = scratch("padded lab", (height, 3, columns), lab.dtype)
    padded[:, :, :width], padded[:, :, width:] = lab, 0
    labels = scratch("labels", (height, columns), np.int32)
    previous = scratch("previous labels", (height, columns), np.int32)
    nearest = scratch("nearest", (_STRIP, columns), lab.dtype)
    _iterate(padded, width, (labels, previous, nearest), centers, rule)
    return labels


@njit(nogil=True, error_model="numpy")
def _iterate(lab, width, work, centers, rule):  # type: ignore[no-untyped-def]
    """Run k-means in place on `centers` and the labels.

    After the first round few pixels change hands (1 to 10 %), and only those are
    taken from one centre's sums and added to the other's.
    """
    labels, previous, nearest = work
    side, weight, iterations, row_step = rule
    height = len(labels)
    offsets = np.empty(2 * side + 2 * _VECTOR, lab.dtype)
    reach = np.empty((len(centers), 4), np.int64)
    sums = np.zeros((len(centers), 6), np.int64)
    changes = np.zeros(max(nearest.size, width + 8), np.uint8)
    places = np.empty(nearest.size + width + 9, np.int32)
    for iteration in range(iterations):
        _windows(centers, side, (height, width), reach)
        ends = iteration == iterations - 1
        for top in range(0, height, _STRIP):
            rows = (top, min(height, top + _STRIP), 1 if ends else row_step)
            if iteration == 0:  # here, where the strip is about to be used
                labels[top : rows[1]] = 0
            _assign(rows, lab, (nearest, labels, offsets), centers, (reach, weight))
            if ends:
                continue
            if iteration == 0:
                row = changes[: (width + 8) // 8 * 8]
                _sum_runs(rows, (lab, width), labels, (row, places), sums)
                previous[top : rows[1]] = labels[top : rows[1]]
            else:
                _sum_changes(rows, lab, (labels, previous), (changes, places), sums)
        if not ends:
            _move(centers, sums)


@njit(nogil=True, error_model="numpy")
def _move(centers, sums):  # type: ignore[no-untyped-def]
    """Put each centre that has pixels at their mean."""
    for k in range(len(centers)):
        if sums[k, 5] > 0:
            for c in range(5):
                centers[k, c] = sums[k, c] / (sums[k, 5] * (_UNIT if c < 3 else 1.0))


@njit(nogil=True)
def _windows(centers, side, size, reach):  # type: ignore[no-untyped-def]
    """Find rows and columns [from, to) in reach of each centre."""
    height, width = size
    for k in range(len(centers)):
        x, y = centers[k, 3], centers[k, 4]
        reach[k, 0], reach[k, 1] = int(max(0, y - side)), int(min(height, y + side))
        reach[k, 2], reach[k, 3] = int(max(0, x - side)), int(min(width, x + side))


@njit(nogil=True, fastmath={"contract", "nnan", "nsz"})
def _assign(rows, lab, work, centers, reach):  # type: ignore[no-untyped-def]
    """Give a strip's pixels to the nearest centre; out of reach they keep theirs.

    Of the squared distance |p|^2 - 2 p c + |c|^2 the first term is the same for all
    centres and left out. A window is widened to whole vectors, whose columns out of
    reach are infinitely far. Minimum and bit mask instead of `if`: both are stored
    unconditionally, as masked stores are slow.
    """
    top, bottom, step = rows  # the first row of a strip is visited
    nearest, labels, offsets = work
    windows, weight = reach
    kind = lab.dtype.type
    width, scale = np.uint64(lab.shape[2]), kind(weight)
    pixels, owner, closest = lab.reshape(-1), labels.reshape(-1), nearest.reshape(-1)
    for x in range(np.uint64(closest.size)):
        closest[x] = np.inf
    for k in range(len(centers)):
        first_row, last_row = max(top, windows[k, 0]), min(bottom, windows[k, 1])
        if first_row >= last_row:
            continue
        light, a, b, name = centers[k, 0], centers[k, 1], centers[k, 2], np.int32(k)
        norm = light * light + a * a + b * b
        light2, a2, b2 = kind(-2 * light), kind(-2 * a), kind(-2 * b)
        first = windows[k, 2] // _VECTOR * _VECTOR
        span = np.uint64(-(-windows[k, 3] // _VECTOR) * _VECTOR - first)
        skipped = np.uint64(windows[k, 2] - first)
        reached = np.uint64(windows[k, 3] - windows[k, 2])
        for i in range(span):
            dx = kind(np.int32(i)) + kind(first - centers[k, 3])
            inside = i - skipped < reached  # unsigned: what is left of it is huge
            offsets[i] = dx * dx * scale if inside else np.inf
        column = np.uint64(first)
        first_row += (top - first_row) % step
        for line in range((last_row - first_row + step - 1) // step):
            y = first_row + line * step
            dy = y - centers[k, 4]
            base = kind(norm + dy * dy * weight)
            start = np.uint64(y) * width + column
            here = np.uint64(y - top) * width + column
            row_l = start + np.uint64(2) * np.uint64(y) * width
            row_a, row_b = row_l + width, row_l + width + width
            for i in range(span):
                distance = pixels[row_l + i] * light2 + (
                    pixels[row_a + i] * a2
                    + (pixels[row_b + i] * b2 + (offsets[i] + base))
                )
                best, old = closest[here + i], owner[start + i]
                closest[here + i] = min(distance, best)
                closer = -np.int32(distance < best)
                owner[start + i] = old ^ ((old ^ name) & closer)


@njit(nogil=True)
def _sum_runs(rows, pixels, labels, work, sums):  # type: ignore[no-untyped-def]
    """Add the runs of a strip to `sums` (N, 6): L, a, b, x, y, pixels."""
    lab, width = pixels
    changes, starts = work
    flat, span = lab.reshape(-1), np.uint64(lab.shape[2])
    unit = lab.dtype.type(_UNIT)
    for y in range(rows[0], rows[1], rows[2]):
        runs = row_runs(labels[y, :width], changes, starts)
        row_l = np.uint64(3 * y) * span
        row_a, row_b = row_l + span, row_l + span + span
        for run in range(runs):
            start, end = starts[run], starts[run + 1]
            light = a = b = np.int64(0)
            for x in range(np.uint64(start), np.uint64(end)):
                light += np.int64(np.int32(flat[row_l + x] * unit))
                a += np.int64(np.int32(flat[row_a + x] * unit))
                b += np.int64(np.int32(flat[row_b + x] * unit))
            k, count = labels[y, start], np.int64(end - start)
            sums[k, 0] += light
            sums[k, 1] += a
            sums[k, 2] += b
            sums[k, 3] += count * (start + end - 1) // 2
            sums[k, 4] += count * y
            sums[k, 5] += count


@njit(nogil=True)
def _sum_changes(rows, lab, names, work, sums):  # type: ignore[no-untyped-def]
    """Move pixels whose label changed from the sums of the old to those of the new."""
    labels, previous = names
    changes, places = work
    unit, one = lab.dtype.type(_UNIT), np.uint64(1)
    pixels, now, before = lab.reshape(-1), labels.reshape(-1), previous.reshape(-1)
    width = np.uint64(labels.shape[1])
    strip = np.uint64(rows[0]) * width
    size = np.uint64(rows[1] - rows[0]) * width
    for x in range(size):
        changes[x] = now[strip + x] != before[strip + x]
    count = places_of(changes[:size], places)
    y, end = np.uint64(rows[0]), width
    for place in range(count):
        i = np.uint64(places[place])
        while i >= end:
            end, y = end + width, y + one
        at, row = strip + i, y * width
        light = at + row + row
        values = (
            np.int64(np.int32(pixels[light] * unit)),
            np.int64(np.int32(pixels[light + width] * unit)),
            np.int64(np.int32(pixels[light + width + width] * unit)),
            np.int64(width + i - end),
            np.int64(y),
            np.int64(1),
        )
        new, old = np.uint64(now[at]), np.uint64(before[at])
        before[at] = now[at]
        for c in range(6):
            sums[new, c] += values[c]
            sums[old, c] -= values[c]
