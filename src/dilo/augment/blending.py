"""How the edge of the pasted foreground is softened (paper, section 5.2, Table 2d).

A blending is a function (rng, alpha, blur) -> alpha, on the alpha of the whole image.
"""

import math
from typing import Protocol

import numpy as np

from dilo.augment.blur import gaussian_blur
from dilo.image import Map, resize

# The released loader blurs by 5 px whatever the image's size; ImageNet's photographs
# have a short side of 375 px in the median. Relative to it, the blur means the same on
# images of every size.
BLUR_SIGMA = 0.0133

# From twice this sigma on, in pixels, a map is blurred at a reduced size: it holds no
# finer detail afterwards, and a third of the size takes a ninth of the time.
ENOUGH_SIGMA = 1.6


class Blending(Protocol):
    """Softens the edge of an alpha."""

    def __call__(
        self, rng: np.random.Generator, alpha: Map, blur: float = ..., /
    ) -> Map:
        """Give the alpha of the whole image, float32 (H, W) in [0, 1]."""
        ...


def keep(rng: np.random.Generator, alpha: Map, blur: float = BLUR_SIGMA) -> Map:
    """Leave the edge as it is."""
    return alpha


def gaussian(rng: np.random.Generator, alpha: Map, blur: float = BLUR_SIGMA) -> Map:
    """Blur by a Gaussian of sigma `blur` times the image's short side."""
    height, width = alpha.shape
    sigma = blur * min(height, width)
    if sigma == 0:
        return alpha
    factor = max(1, int(sigma / ENOUGH_SIGMA))
    if factor == 1:
        return gaussian_blur(alpha, sigma)
    small = resize(alpha, -(-height // factor), -(-width // factor))
    # Averaging areas and going back by lines between them are blurs too, of variance
    # (factor^2 - 1) / 12 and twice that.
    rest = math.sqrt(sigma**2 - (factor**2 - 1) / 4) / factor
    return resize(gaussian_blur(small, rest), height, width)


def mix(rng: np.random.Generator, alpha: Map, blur: float = BLUR_SIGMA) -> Map:
    """Blur every second time."""
    return gaussian(rng, alpha, blur) if rng.random() < 0.5 else alpha


BLENDINGS: dict[str, Blending] = {"none": keep, "gaussian": gaussian, "mix": mix}
