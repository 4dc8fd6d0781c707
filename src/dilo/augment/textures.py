"""Textures out of nothing, for those who have no folder of them: noise and patterns."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dilo.data.synthetic.drawing import noise
from dilo.image import Image

Field = NDArray[np.float32]  # (S, S) in [0, 1]


def paint_texture(rng: np.random.Generator, height: int, width: int) -> Image:
    """Paint a texture of a random family in random colours: uint8 (H, W, 3)."""
    side = max(height, width, 2)
    names = tuple(TEXTURES)
    field = TEXTURES[names[int(rng.integers(len(names)))]](rng, side)
    # Three related colours along the field: a surface has light and shade of a colour
    # rather than colours that have nothing to do with each other.
    colours = rng.uniform(0, 255, 3) + rng.normal(0, 25, (3, 3))
    colours = (colours + rng.uniform(20, 60) * np.array([[-1], [0], [1]])).clip(0, 255)
    steps = np.linspace(0, 1, 3)
    levels = np.arange(256) / 255
    table = np.stack([np.interp(levels, steps, c) for c in colours.T], axis=1)
    cut = field[:height, :width]
    return np.rint(table).astype(np.uint8)[(cut * 255).clip(0, 255).astype(np.uint8)]


def clouds(rng: np.random.Generator, side: int) -> Field:
    """Soft blotches of all sizes."""
    start = int(rng.integers(2, 9))
    return _stretch(noise(rng, side, (start, start), octaves=5, gain=0.6))


def grain(rng: np.random.Generator, side: int) -> Field:
    """Streaks, as of wood or grass, upright or lying."""
    cells = (2, int(rng.integers(16, 65)))
    field = noise(rng, side, cells if rng.random() < 0.5 else cells[::-1], gain=0.7)
    return _stretch(field)


def weave(rng: np.random.Generator, side: int) -> Field:
    """Crossing threads, as of cloth, a little uneven."""
    waves = rng.uniform(8, 40, size=2)
    y, x = (np.arange(side, dtype=np.float32) / side for _ in range(2))
    uneven = 0.04 * noise(rng, side, (4, 4))
    rows = np.sin(2 * np.pi * waves[0] * (y[:, np.newaxis] + uneven))
    columns = np.sin(2 * np.pi * waves[1] * (x[np.newaxis] + uneven))
    return _stretch(rows * columns + 0.3 * noise(rng, side, (24, 24)))


def stripes(rng: np.random.Generator, side: int) -> Field:
    """Parallel bands in any direction, bent by noise: sand, bark, water."""
    angle, waves = rng.uniform(0, np.pi), rng.uniform(4, 24)
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    along = np.cos(angle) * x + np.sin(angle) * y
    bent = along + rng.uniform(0.02, 0.15) * noise(rng, side, (4, 4))
    return _stretch(np.sin(2 * np.pi * waves * bent) + noise(rng, side, (16, 16)))


def pebbles(rng: np.random.Generator, side: int) -> Field:
    """Blobs with sharp gaps between them: the folds of noise."""
    cells = int(rng.integers(6, 20))
    return _stretch(np.abs(noise(rng, side, (cells, cells), octaves=3)) ** 0.5)


TEXTURES: dict[str, Callable[[np.random.Generator, int], Field]] = {
    "clouds": clouds,
    "grain": grain,
    "weave": weave,
    "stripes": stripes,
    "pebbles": pebbles,
}


def _stretch(field: NDArray[np.floating]) -> Field:
    low, high = float(field.min()), float(field.max())
    return ((field - low) / max(high - low, 1e-6)).astype(np.float32)
