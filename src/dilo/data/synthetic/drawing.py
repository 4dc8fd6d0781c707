"""What pictures are drawn from: coordinates, noise, cells, soft edges and colours."""

import colorsys
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# (S, S), a colour (3,) or a picture (S, S, 3). All are float32; the type checker cannot
# follow that through numpy's arithmetic.
Field = NDArray[np.floating[Any]]
HSV = tuple[float, float, float]  # hue in degrees, saturation, value

WHITE = np.full(3, 0.96, np.float32)
BLACK = np.array([0.07, 0.06, 0.07], np.float32)

MOST_LITTER = 8
LITTER_RADIUS = (0.05, 0.16)  # as shares of the picture


@functools.lru_cache(maxsize=256)
def grid(size: int) -> tuple[Field, Field]:
    """Give the x and y of each pixel centre, each (S, S) in [0, 1]; do not write."""
    centres = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    x, y = np.meshgrid(centres, centres)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def noise(
    rng: np.random.Generator,
    size: int,
    cells: tuple[int, int] = (4, 4),
    octaves: int = 4,
    gain: float = 0.5,
) -> Field:
    """Smooth value noise, (S, S), mean 0, within about [-1, 1].

    Args:
        rng: source of the lattice values.
        size: S, in pixels.
        cells: rows and columns of the coarsest lattice; unequal ones give streaks.
        octaves: lattices added, each twice as fine; none finer than the pixels.
        gain: amplitude of each octave over the one before; near 1 is rough.
    """
    total = np.zeros((size, size), np.float32)
    weight, amplitude = 0.0, 1.0
    rows, columns = cells
    for _ in range(octaves):
        shape = (min(rows + 1, size), min(columns + 1, size))
        lattice = rng.random(shape, dtype=np.float32) * 2 - 1
        smooth = cv2.resize(lattice, (size, size), interpolation=cv2.INTER_CUBIC)
        total += np.float32(amplitude) * np.asarray(smooth, np.float32)
        weight += amplitude
        amplitude *= gain
        rows, columns = 2 * rows, 2 * columns
        if min(rows, columns) > size:
            break
    return total / np.float32(weight)


def voronoi(rng: np.random.Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """Cells around one random point in each unit square of the plane.

    Returns:
        (distance to the nearest wall between cells, a random number in [0, 1] for
        each cell), each of the shape of `x`. The first is 0 on the walls.
    """
    table = rng.random((3, 32, 32), dtype=np.float32)
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    nearest = np.full(x.shape, 9, np.float32)
    second = nearest.copy()
    value = np.zeros(x.shape, np.float32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            where = ((row + down) & 31) * 32 + ((column + right) & 31)
            to_x = table[0].take(where) + (column + right) - x
            to_y = table[1].take(where) + (row + down) - y
            distance = to_x * to_x + to_y * to_y
            value = np.where(distance < nearest, table[2].take(where), value)
            second = np.minimum(second, np.maximum(distance, nearest))
            nearest = np.minimum(nearest, distance)
    wall = (np.sqrt(second) - np.sqrt(nearest)) / np.float32(2)
    return wall.astype(np.float32), value


def step(values: Field, width: float) -> Field:
    """Rise from 0 to 1 where `values` crosses 0, over `width`: an edge without jags."""
    return np.clip(values * np.float32(1 / width) + np.float32(0.5), 0, 1)


def mix(low: Field, high: Field, share: Field | float) -> Field:
    """Blend colours or pictures: `low` where share is 0, `high` where it is 1."""
    weight = np.asarray(share, np.float32)
    if weight.ndim == 2:  # numpy would take twice as long over weight[..., None]
        weight = np.asarray(cv2.merge((weight, weight, weight)), np.float32)
    return low + (high - low) * weight


def ramp(colours: Sequence[Field], position: Field) -> Field:
    """Colour each pixel of `position` in [0, 1] from evenly spaced colours."""
    stops = np.linspace(0, 1, len(colours), dtype=np.float32)
    table = np.stack(colours)
    channels = [np.interp(position, stops, table[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def colour(rng: np.random.Generator, hsv: HSV, spread: float = 12) -> Field:
    """Draw an RGB colour, (3,) in [0, 1], near hue, saturation and value."""
    hue = (hsv[0] + rng.uniform(-spread, spread)) / 360 % 1
    saturation = min(max(hsv[1] * rng.uniform(0.8, 1.2), 0), 1)
    value = min(max(hsv[2] * rng.uniform(0.85, 1.15), 0), 1)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32)


def pick(rng: np.random.Generator, *choices: HSV) -> HSV:
    """Draw one of several palettes."""
    return choices[int(rng.integers(len(choices)))]


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
        """Draw an RGB colour near this one."""
        return colour(self.rng, hsv, spread)

    def noise(
        self, cells: tuple[int, int], octaves: int = 4, gain: float = 0.5
    ) -> Field:
        """Draw smooth noise."""
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
        line = np.zeros((1, self.size), np.float32)
        for octave in range(octaves):
            shape = 1, min((cells << octave) + 1, self.size)
            lattice = self.rng.random(shape, dtype=np.float32)
            smooth = cv2.resize(lattice, (self.size, 1), interpolation=cv2.INTER_CUBIC)
            line += (2 * np.asarray(smooth, np.float32) - 1) * np.float32(0.5**octave)
        y = grid(self.size)[1]
        return step(y - (base + height * (line / np.float32(2))), 1 / self.size)

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
