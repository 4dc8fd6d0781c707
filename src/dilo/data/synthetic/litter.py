"""Small things that lie about and are not the object: stones, bushes, clods."""

import numpy as np

from dilo.data.synthetic.colours import colour, mix
from dilo.data.synthetic.noise import Field, grid, noise, step

MOST = 8
RADIUS = (0.05, 0.16)  # as shares of the picture


def litter(rng: np.random.Generator, picture: Field, top: float = 0.0) -> Field:
    """Lay lumps on the ground, which begins at y = `top`; a picture (S, S, 3)."""
    size = len(picture)
    x, y = grid(size)
    rough = 0.5 * noise(rng, size, (6, 6), 3)
    for _ in range(int(rng.integers(MOST + 1))):
        middle = rng.uniform(0, 1), rng.uniform(top, 1)
        radius = rng.uniform(*RADIUS)
        right = (x - middle[0]) / (radius * rng.uniform(1, 1.8))
        down = (y - middle[1]) / radius
        inside = step(1 - np.hypot(right, down) + rough, 1.5 / size / radius)
        here = picture[int(middle[1] * size), int(middle[0] * size)]
        tone = mix(here, colour(rng, (65, 0.3, rng.uniform(0.2, 0.7)), 50), 0.6)
        light = 1 - 0.3 * np.clip(down, -1, 1) + 0.4 * rough
        picture = mix(picture, tone * light[..., None], inside)
    return picture
