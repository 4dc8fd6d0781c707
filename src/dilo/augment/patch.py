"""A view that is one colour but for a rectangle, as pasting on a grey makes it.

Outside of the rectangle nothing need be computed: jitter changes one colour there, and
blur leaves it as it is. In photographs that is a third of a view.
"""

from typing import NamedTuple, Self, cast

import cv2
import numpy as np

from dilo.augment.blur import blur_reach, gaussian_blur
from dilo.augment.jitter import Steps, recolour
from dilo.image import Image

_BLACK = np.zeros(3, np.uint8)


class Patch(NamedTuple):
    """A square view, of which pixels outside of a rectangle have one colour.

    Every method gives what the same step makes of the whole view; the blur, which the
    processor may round otherwise at another place, within one level.
    """

    pixels: Image  # uint8 (H, W, 3), of the rectangle
    top: int
    left: int
    side: int  # of the view
    colour: Image  # uint8 (3,), of all else

    @classmethod
    def of(cls, view: Image) -> Self:
        """Take a square view of which nothing is known."""
        return cls(view, 0, 0, len(view), _BLACK)

    def recoloured(self, steps: Steps) -> Self:
        """Apply steps of `jitter`."""
        beside = self.side**2 - self.pixels[..., 0].size
        pixels, colour = recolour(self.pixels, steps, self.colour, beside)
        return self._replace(pixels=pixels, colour=colour)

    def blurred(self, sigma: float) -> Self:
        """Blur by a Gaussian of `sigma` pixels, mirrored at the view's rim."""
        # One more than what an edge reaches, so that no edge is mirrored.
        wide = self._extended(blur_reach(sigma) + 1)
        return wide._replace(pixels=gaussian_blur(wide.pixels, sigma))

    def flipped(self) -> Self:
        """Mirror left and right."""
        pixels = cast(Image, cv2.flip(self.pixels, 1))
        left = self.side - self.left - pixels.shape[1]
        return self._replace(pixels=pixels, left=left)

    def whole(self) -> Image:
        """Give the view: uint8 (S, S, 3)."""
        return self._extended(self.side).pixels

    def _extended(self, margin: int) -> Self:
        """Take in a margin of the colour around, as far as there is one."""
        height, width = self.pixels.shape[:2]
        above, beside = min(margin, self.top), min(margin, self.left)
        below = min(margin, self.side - self.top - height)
        behind = min(margin, self.side - self.left - width)
        if not (above or below or beside or behind):
            return self
        pixels = cv2.copyMakeBorder(
            self.pixels,
            *(above, below, beside, behind),
            cv2.BORDER_CONSTANT,
            value=self.colour.tolist(),
        )
        return self._replace(
            pixels=cast(Image, pixels), top=self.top - above, left=self.left - beside
        )
