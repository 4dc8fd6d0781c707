"""What the foreground is pasted on (paper, section 5.2, Table 2c).

A background is a function (rng, height, width) -> Image; add one here and one line in
`augment.BACKGROUNDS`.
"""

import numpy as np

from dilo.image import Image


def grey(rng: np.random.Generator, height: int, width: int) -> Image:
    """Paint one grey of random level, the paper's final choice: uint8 (H, W, 3)."""
    level = rng.integers(256)
    return np.full((height, width, 3), level, np.uint8)
