"""What shows of an image on one colour, as pasting on a grey makes it: column spans.

Beside them nothing need be computed: jitter changes one colour there. In photographs
that is four tenths of a view.
"""

from typing import NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.jitter import Steps, apply_colour, recolour
from dilo.augment.resample import transpose
from dilo.image import Image


class Cutout(NamedTuple):
    """A square view that has one colour beside a span of each column."""

    levels: NDArray[np.uint8]  # (3 N,), of the spans from left to right, downwards
    spans: NDArray[np.uint64]  # (S, 2): first row of each, and the one behind its last
    colour: NDArray[np.uint8]  # (3,), beside them

    def recoloured(self, steps: Steps) -> Self:
        """Apply steps of `jitter`: as to the whole view."""
        beside = len(self.spans) ** 2 - len(self.levels) // 3
        levels, colour = recolour(self.levels, steps, self.colour, beside)
        return self._replace(levels=levels, colour=colour)

    def laid(self, out: Image | None = None) -> Image:
        """Give the whole view; arguments as `whole_view`."""
        column = np.empty((len(self.spans), 3), np.uint8)
        column[:] = self.colour
        return lay_spans(self.levels, self.spans, column.reshape(-1), out)


def recolour_view(view: Cutout | Image, steps: Steps) -> Cutout | Image:
    """Apply steps of `jitter` to a view, of which no more may be known."""
    if isinstance(view, Cutout):
        return view.recoloured(steps)
    return apply_colour(view, steps)


def whole_view(view: Cutout | Image, out: Image | None = None) -> Image:
    """Give the whole view: uint8 (S, S, 3).

    Args:
        view: of which no more may be known.
        out: where to write it, C-contiguous.
    """
    if isinstance(view, Cutout):
        return view.laid(out)
    if out is None:
        return view
    out[:] = view
    return out


def lay_spans(
    levels: NDArray[np.uint8],
    spans: NDArray[np.uint64],
    below: NDArray[np.uint8],
    out: Image | None = None,
) -> Image:
    """Write spans of columns over a background: uint8 (S, S, 3).

    Args:
        levels: as a Cutout's.
        spans: likewise.
        below: levels of the background by columns; or of one column, for all.
        out: where to write it, C-contiguous.
    """
    side = len(spans)
    turned = np.empty((side, side, 3), np.uint8)
    _lay_spans(levels, spans, below, turned.reshape(-1))
    laid = transpose(turned)
    if out is None:
        return laid
    out[:] = laid  # transposing jumps, which takes long where nothing was of late
    return out


@njit(cache=True, nogil=True)
def _lay_spans(
    levels: NDArray[np.uint8],
    spans: NDArray[np.uint64],
    below: NDArray[np.uint8],
    turned: NDArray[np.uint8],
) -> None:
    """Write what `lay_spans` gives, transposed."""
    three, side = np.uint64(3), np.uint64(len(spans))
    length = three * side
    shown = np.uint64(0)  # levels so far
    for x in range(side):
        column = x * length
        under = x * length % np.uint64(len(below))
        first, end = three * spans[x, 0], three * spans[x, 1]
        for i in range(first):
            turned[column + i] = below[under + i]
        for i in range(end - first):
            turned[column + first + i] = levels[shown + i]
        for i in range(end, length):
            turned[column + i] = below[under + i]
        shown += end - first
