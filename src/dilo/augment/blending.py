"""How the edge of the pasted foreground is softened (paper, section 5.2, Table 2d).

A blending is a function (rng, alpha) -> alpha.
"""

from typing import cast

import cv2
import numpy as np

from dilo.image import Map

# The released loader blurs by 5 px whatever the image's size; ImageNet's photographs
# have a short side of 375 px in the median. Relative to it, the blur means the same on
# images of every size.
BLUR_SIGMA = 5 / 375


def keep(rng: np.random.Generator, alpha: Map) -> Map:
    """Leave the edge as it is."""
    return alpha


def gaussian(rng: np.random.Generator, alpha: Map) -> Map:
    """Blur by a Gaussian of sigma `BLUR_SIGMA` times the short side."""
    sigma = BLUR_SIGMA * min(alpha.shape)
    return cast(Map, cv2.GaussianBlur(alpha, (0, 0), sigma))


def mix(rng: np.random.Generator, alpha: Map) -> Map:
    """Blur every second time."""
    return gaussian(rng, alpha) if rng.random() < 0.5 else alpha
