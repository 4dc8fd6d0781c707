"""Which superpixels MC's random walk can step between.

Source: Jiang et al., ICCV 2013.
"""

import numpy as np

from dilo.kernel_cache import njit


@njit(nogil=True)
def add_corners(labels, pairs):  # type: ignore[no-untyped-def]
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
                        one, other = above[x], below[x + 1]
                        pairs[one, other] = pairs[other, one] = True
                        one, other = above[x + 1], below[x]
                        pairs[one, other] = pairs[other, one] = True


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
    height, width = labels.shape
    border = np.zeros(count, np.bool_)
    for y in range(height):
        border[labels[y, 0]] = border[labels[y, width - 1]] = True
    for x in range(width):
        border[labels[0, x]] = border[labels[height - 1, x]] = True
    return border
