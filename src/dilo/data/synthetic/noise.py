"""Fields of numbers over a square picture: coordinates, noise, cells, soft edges."""

import functools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# (S, S), a colour (3,) or a picture (S, S, 3). All are float32; the type checker cannot
# follow that through numpy's arithmetic.
Field = NDArray[np.floating[Any]]


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


def profile(rng: np.random.Generator, size: int, cells: int, octaves: int) -> Field:
    """One line of noise, (S,): the outline of hills, tree tops or trunks."""
    total = np.zeros((1, size), np.float32)
    for octave in range(octaves):
        lattice = rng.random((1, min((cells << octave) + 1, size)), dtype=np.float32)
        smooth = cv2.resize(lattice, (size, 1), interpolation=cv2.INTER_CUBIC)
        total += (2 * np.asarray(smooth, np.float32) - 1) * np.float32(0.5**octave)
    return total[0] / np.float32(2)


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
