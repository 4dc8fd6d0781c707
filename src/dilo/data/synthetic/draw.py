"""What the painters of backgrounds draw at random."""

from typing import NamedTuple

import numpy as np

from dilo.data.synthetic.colours import HSV, colour, mix, ramp
from dilo.data.synthetic.noise import Field, grid, noise, profile, step

MOST_LITTER = 8
LITTER_RADIUS = (0.05, 0.16)  # as shares of the picture


class Draw(NamedTuple):
    """Random numbers, colours and shapes for a picture of S x S pixels.

    A painter takes it and the x and y of each pixel, (S, S) in [0, 1]; it returns a
    float32 picture (S, S, 3), about [0, 1].
    """

    rng: np.random.Generator
    size: int  # S

    def uniform(self, low: float, high: float) -> float:
        """Draw a number."""
        return self.rng.uniform(low, high)

    def colour(self, hsv: HSV, spread: float = 12) -> Field:
        """Draw an RGB colour, as `colours.colour`."""
        return colour(self.rng, hsv, spread)

    def noise(
        self, cells: tuple[int, int], octaves: int = 4, gain: float = 0.5
    ) -> Field:
        """Draw smooth noise, as `noise.noise`."""
        return noise(self.rng, self.size, cells, octaves, gain)

    def sky(self) -> Field:
        """Draw a sky from a deeper blue at the top to pale, or overcast."""
        top = self.colour((212, self.uniform(0.15, 0.65), 0.78))
        pale = mix(top, np.full(3, 0.95, np.float32), 0.7)
        return ramp([top, pale], grid(self.size)[1] * self.uniform(0.8, 2))

    def ridge(
        self, base: float, height: float, cells: int = 3, octaves: int = 4
    ) -> Field:
        """Draw the coverage of what lies below an uneven line around y = `base`."""
        line = base + height * profile(self.rng, self.size, cells, octaves)
        return step(grid(self.size)[1] - line[None, :], 1 / self.size)

    def turned(self, scale: float = 1.0) -> tuple[Field, Field]:
        """Draw coordinates turned by an angle and shifted, `scale` units wide."""
        x, y = grid(self.size)
        angle = self.uniform(0, 2 * np.pi)
        cosine = np.float32(np.cos(angle) * scale)
        sine = np.float32(np.sin(angle) * scale)
        shift = np.float32(self.uniform(0, 16))
        return x * cosine - y * sine + shift, x * sine + y * cosine + shift

    def litter(self, picture: Field, top: float = 0.0) -> Field:
        """Lay small things that are not the object on the ground below y = `top`."""
        x, y = grid(self.size)
        rough = 0.5 * self.noise((6, 6), 3)
        for _ in range(int(self.rng.integers(MOST_LITTER + 1))):
            middle = self.uniform(0, 1), self.uniform(top, 1)
            radius = self.uniform(*LITTER_RADIUS)
            right = (x - middle[0]) / (radius * self.uniform(1, 1.8))
            down = (y - middle[1]) / radius
            inside = step(1 - np.hypot(right, down) + rough, 1.5 / self.size / radius)
            here = picture[int(middle[1] * self.size), int(middle[0] * self.size)]
            tone = mix(here, self.colour((65, 0.3, self.uniform(0.2, 0.7)), 50), 0.6)
            light = 1 - 0.3 * np.clip(down, -1, 1) + 0.4 * rough
            picture = mix(picture, tone * light[..., None], inside)
        return picture
