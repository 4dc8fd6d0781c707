"""What shows of an image in a view, before it is recoloured and put together.

That is all of it, or spans of columns on one colour, as pasting on a grey makes it:
beside them nothing need be computed, for jitter changes one colour there. In
photographs that is four tenths of a view.
"""

from typing import NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.jitter import Steps, recolour
from dilo.augment.planes import Planes, join, transpose
from dilo.image import Image


class Whole(NamedTuple):
    """A view of which no more is known."""

    planes: Planes  # uint8 (3, S, S)

    def recoloured(self, steps: Steps) -> Self:
        """Apply steps of `jitter`."""
        nothing = np.zeros(3, np.uint8)
        planes, _ = recolour(self.planes.reshape(3, -1), steps, nothing, 0)
        return self._replace(planes=planes.reshape(self.planes.shape))

    def laid(self, out: Image | None = None) -> Image:
        """Give the view, uint8 (S, S, 3); written to `out` (C-contiguous) if given."""
        return join(self.planes, out)


class Cutout(NamedTuple):
    """A square view that has one colour beside a span of each column."""

    levels: NDArray[np.uint8]  # (3, N), of the spans from left to right, downwards
    spans: NDArray[np.uint64]  # (S, 2): first row of each, and the one behind its last
    colour: NDArray[np.uint8]  # (3,), beside them

    def recoloured(self, steps: Steps) -> Self:
        """Apply steps of `jitter`: as to the whole view."""
        beside = len(self.spans) ** 2 - self.levels.shape[1]
        levels, colour = recolour(self.levels, steps, self.colour, beside)
        return self._replace(levels=levels, colour=colour)

    def laid(self, out: Image | None = None) -> Image:
        """Give the view, uint8 (S, S, 3); written to `out` (C-contiguous) if given."""
        below = np.repeat(self.colour, len(self.spans))
        return join(lay_spans(self.levels, self.spans, below), out)


View = Whole | Cutout


def lay_spans(
    levels: NDArray[np.uint8], spans: NDArray[np.uint64], below: NDArray[np.uint8]
) -> Planes:
    """Write spans of columns over a background: uint8 (3, S, S).

    Args:
        levels: as a Cutout's.
        spans: likewise.
        below: levels of the background: channels downwards, column by column; or of
            one column, for all.
    """
    side = len(spans)
    turned = np.empty((side, 3 * side), np.uint8)
    _lay_spans(levels, spans, below, turned)
    return transpose(turned).reshape(3, side, side)


@njit(cache=True, nogil=True)
def _lay_spans(
    levels: NDArray[np.uint8],
    spans: NDArray[np.uint64],
    below: NDArray[np.uint8],
    turned: NDArray[np.uint8],
) -> None:
    """Write what `lay_spans` gives, transposed."""
    side = np.uint64(len(spans))
    shown = np.uint64(0)  # pixels so far
    step = np.uint64(0 if len(below) == 3 * side else 3 * side)  # to the next column
    for x in range(side):
        first, end = spans[x, 0], spans[x, 1]
        for channel in range(np.uint64(3)):
            column = turned[x, channel * side : (channel + np.uint64(1)) * side]
            under = x * step + channel * side
            for i in range(first):
                column[i] = below[under + i]
            for i in range(end - first):
                column[first + i] = levels[channel, shown + i]
            for i in range(end, side):
                column[i] = below[under + i]
        shown += end - first
