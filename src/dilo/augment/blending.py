"""How the edge of the pasted foreground is softened (paper, section 5.2, Table 2d).

A blending is a function (rng, alpha, blur) -> alpha, on the alpha of the whole image.
"""

from collections.abc import Callable

import numpy as np

from dilo.augment.blur import gaussian_blur
from dilo.image import Map

# The released loader blurs by 5 px whatever the image's size; ImageNet's photographs
# have a short side of 375 px in the median. Relative to it, the blur means the same on
# images of every size.
BLUR_SIGMA = 5 / 375


def keep(rng: np.random.Generator, alpha: Map, blur: float = BLUR_SIGMA) -> Map:
    """Leave the edge as it is."""
    return alpha


def gaussian(rng: np.random.Generator, alpha: Map, blur: float = BLUR_SIGMA) -> Map:
    """Blur by a Gaussian of sigma `blur` times the image's short side."""
    sigma = blur * min(alpha.shape)
    return gaussian_blur(alpha, sigma) if sigma > 0 else alpha


def mix(rng: np.random.Generator, alpha: Map, blur: float = BLUR_SIGMA) -> Map:
    """Blur every second time."""
    return gaussian(rng, alpha, blur) if rng.random() < 0.5 else alpha


BLENDINGS: dict[str, Callable[..., Map]] = {
    "none": keep,
    "gaussian": gaussian,
    "mix": mix,
}
