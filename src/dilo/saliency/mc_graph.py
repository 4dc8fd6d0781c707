"""MC's own superpixels, and which superpixels its random walk can step between.

Source: Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel
methods", PAMI 2012, as its authors released it; Jiang et al., ICCV 2013.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.image import Image
from dilo.saliency.cluster import cluster
from dilo.saliency.color import mc_pixel_lab
from dilo.saliency.connect import Labels, connect
from dilo.saliency.scratch import scratch

_SUPERPIXELS = 250
_COMPACTNESS = 20.0
_ITERATIONS = 10
_SMALLEST_SIDE = 3  # pixels
_MOST_IN_A_ROW = 400  # so that a narrow strip is not cut into thousands


def mc_superpixels(image: Image) -> Labels:
    """Divide an image into connected superpixels, about 230 in a photograph."""
    height, width, _ = image.shape
    side = int(np.sqrt(int(0.5 + height * width / _SUPERPIXELS)) + 0.5)
    longest = max(height, width)
    side = max(side, _SMALLEST_SIDE, -(-longest // _MOST_IN_A_ROW))
    lab = mc_pixel_lab(image, out=scratch("lab", (height, 3, width), np.float32))
    y, x = np.meshgrid(_seeds(height, side), _seeds(width, side), indexing="ij")
    centers = np.concatenate([lab[y, :, x], np.stack([x, y], axis=2)], axis=2)
    centers = centers.reshape(-1, 5).astype(np.float64)
    weight = (_COMPACTNESS / side) ** 2
    labels = cluster(lab, centers, side, weight, _ITERATIONS)
    wanted = max(1, height * width // side**2)
    return connect(labels, (height * width // wanted) >> 2)


def _seeds(length: int, side: int) -> NDArray[np.int64]:
    """Pixels along one axis where superpixels start."""
    count = int(0.5 + length / side)
    count = max(1, count - (side * count > length))
    spare = (length - side * count) / count
    steps = np.arange(count)
    seeds = steps * side + side // 2 + (steps * spare).astype(np.int64)
    return np.minimum(seeds, length - 1)


@njit(cache=True, nogil=True)
def _add_corners(labels, pairs):  # type: ignore[no-untyped-def]
    """Link regions whose pixels touch only at a corner.

    Of four pixels around a corner two opposite ones are not linked yet only if no two
    side by side are of one region. That is rare: eight corners are passed at once.
    """
    height, width = labels.shape
    lonely = np.zeros((width + 7) // 8 * 8, np.bool_)
    blocks = lonely.view(np.uint64)
    for y in range(height - 1):
        above, below = labels[y], labels[y + 1]
        for x in range(width - 1):
            rows = (above[x] != above[x + 1]) & (below[x] != below[x + 1])
            columns = (above[x] != below[x]) & (above[x + 1] != below[x + 1])
            lonely[x] = rows & columns
        for block in range(blocks.size):
            if blocks[block]:
                for x in range(8 * block, min(8 * block + 8, width - 1)):
                    if lonely[x]:
                        _link(pairs, above[x], below[x + 1])
                        _link(pairs, above[x + 1], below[x])


@njit(cache=True, nogil=True)
def _join_opposite_sides(labels, pairs):  # type: ignore[no-untyped-def]
    """Link the ends of each row and of each column, as if the image wrapped around."""
    height, width = labels.shape
    for y in range(height):
        _link(pairs, labels[y, 0], labels[y, width - 1])
    for x in range(width):
        _link(pairs, labels[0, x], labels[height - 1, x])


@njit(cache=True, nogil=True)
def _link(pairs, one, other):  # type: ignore[no-untyped-def]
    pairs[one, other] = pairs[other, one] = True


@njit(cache=True, nogil=True)
def _outermost(labels, count):  # type: ignore[no-untyped-def]
    """Regions with a pixel on the image border, (N,)."""
    height, width = labels.shape
    border = np.zeros(count, np.bool_)
    for y in range(height):
        border[labels[y, 0]] = border[labels[y, width - 1]] = True
    for x in range(width):
        border[labels[0, x]] = border[labels[height - 1, x]] = True
    return border
