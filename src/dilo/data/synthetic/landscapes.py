"""Backgrounds with depth: a horizon, and what lies above and below it.

Each painter takes a random generator and a size S and returns a float32 picture
(S, S, 3), about [0, 1]. Palette, horizon and scale are drawn anew each time.
"""

import numpy as np

from dilo.data.synthetic.colours import colour, mix, ramp
from dilo.data.synthetic.litter import litter
from dilo.data.synthetic.noise import Field, grid, noise, profile, step


def sky(rng: np.random.Generator, size: int) -> Field:
    """Blue sky with clouds."""
    clear = _clear_sky(rng, size)
    cells = int(rng.integers(2, 4))
    billow = noise(rng, size, (cells + 1, cells), 5, 0.55) * 2
    cloud = np.clip(billow * 0.9 + rng.uniform(-0.3, 0.3), 0, 1)
    shade = np.clip(0.95 + 0.12 * noise(rng, size, (3, 3), 3), 0, 1)
    return mix(clear, np.repeat(shade[..., None], 3, 2), cloud)


def sea(rng: np.random.Generator, size: int) -> Field:
    """Waves below a plain sky."""
    _, y = grid(size)
    horizon = rng.uniform(0.2, 0.5)
    far = colour(rng, (205, 0.65, 0.45))
    near = colour(rng, (190, 0.6, 0.65))
    depth = np.clip((y - horizon) / (1 - horizon), 0, 1)
    swell = noise(rng, size, (14, 3), 3, 0.7) * (0.25 + 0.75 * depth)
    water: Field = ramp([far, near], depth) + (0.25 * swell)[..., None]
    foam = step(swell - rng.uniform(0.33, 0.5), 0.12) * 0.6
    water = mix(water, np.ones(3, np.float32), foam)
    picture = mix(_clear_sky(rng, size), water, step(y - horizon, 1 / size))
    return litter(rng, picture, 0.6)


def sunset(rng: np.random.Generator, size: int) -> Field:
    """Evening sky in bands, the sun, and dark land."""
    x, y = grid(size)
    horizon = rng.uniform(0.6, 0.85)
    high = colour(rng, (260, 0.5, 0.4), 30)
    low = colour(rng, (45, 0.75, 0.98))
    bands = [high, colour(rng, (340, 0.5, 0.7), 20), colour(rng, (20, 0.75, 0.95)), low]
    streaks = noise(rng, size, (9, 2), 3) * 0.14
    picture = ramp(bands, y / horizon + streaks)
    distance = np.hypot(x - rng.uniform(0.1, 0.9), y - horizon + rng.uniform(0, 0.15))
    picture = mix(picture, low, np.exp(-((distance / 0.25) ** 2)) * 0.7)
    land = ramp([colour(rng, (20, 0.5, 0.28), 20), high * 0.3], (y - horizon) * 3)
    picture = mix(picture, land, _ridge(rng, size, horizon, 0.06))
    return picture


def mountains(rng: np.random.Generator, size: int) -> Field:
    """Ranges of mountains, paler with distance, the farthest with snow."""
    _, y = grid(size)
    picture = _clear_sky(rng, size)
    near = colour(rng, (150, 0.35, 0.28), 50)
    haze = colour(rng, (215, 0.3, 0.7))
    top = rng.uniform(0.25, 0.45)
    snow = step(
        rng.uniform(0.03, 0.12) + top - y + 0.1 * noise(rng, size, (6, 8), 3), 0.05
    )
    ranges = 3
    for number in range(ranges):
        rock = mix(haze, near, (number + 0.6) / ranges)
        slope = rock * (1 + 0.3 * noise(rng, size, (5, 6), 4, 0.6))[..., None]
        if number == 0:
            slope = mix(slope, np.full(3, 0.95, np.float32), snow)
        base = top + number * (0.95 - top) / ranges
        picture = mix(picture, slope, _ridge(rng, size, base, 0.22 - 0.05 * number, 4))
    return picture


def snow(rng: np.random.Generator, size: int) -> Field:
    """Snow-covered hills below a row of dark firs."""
    _, y = grid(size)
    horizon = rng.uniform(0.3, 0.5)
    picture = ramp(
        [colour(rng, (215, 0.3, 0.75)), colour(rng, (215, 0.08, 0.95))], y * 2
    )
    firs = colour(rng, (160, 0.35, 0.35), 40)
    picture = mix(picture, firs, _ridge(rng, size, horizon - 0.08, 0.14, 12) * 0.9)
    drift = noise(rng, size, (5, 2), 3)
    shadow = colour(rng, (215, 0.22, 0.8))
    white = np.full(3, 0.97, np.float32)
    ground = mix(shadow, white, np.clip(0.6 + 0.9 * drift, 0, 1))
    picture = mix(picture, ground, _ridge(rng, size, horizon, 0.05))
    return litter(rng, picture, 0.55)


def field(rng: np.random.Generator, size: int) -> Field:
    """Rows of a crop that run to the horizon."""
    x, y = grid(size)
    horizon = rng.uniform(0.2, 0.45)
    depth = np.clip(y - horizon, 0, 1) + 0.06
    across = (x - rng.uniform(-0.2, 1.2)) / depth
    crop = colour(rng, (85, 0.6, 0.5), 25)
    soil = mix(crop, colour(rng, (30, 0.5, 0.42)), rng.uniform(0.3, 0.9))
    rows = 0.5 + 0.5 * np.sin(across * rng.uniform(5, 10) + noise(rng, size, (6, 6), 3))
    rows = 0.5 + (rows - 0.5) * np.clip(depth * 3, 0, 1)
    land = (
        mix(soil, crop, rows)
        * (1 + 0.2 * noise(rng, size, (10, 10), 3, 0.7))[..., None]
    )
    picture = mix(
        _clear_sky(rng, size), crop * 0.5, _ridge(rng, size, horizon, 0.05, 9)
    )
    picture = mix(picture, land, step(y - horizon - 0.03, 1 / size))
    return litter(rng, picture, 0.55)


def dunes(rng: np.random.Generator, size: int) -> Field:
    """Desert dunes with a lit and a shaded side."""
    light = colour(rng, (32, 0.45, 0.88))
    dark = colour(rng, (22, 0.55, 0.6))
    top = rng.uniform(0.2, 0.5)
    picture = _clear_sky(rng, size)
    for number in range(3):
        base = top + number * (1 - top) * 0.33
        relief = noise(rng, size, (3, 3), 2) + 0.3 * noise(rng, size, (16, 4), 2)
        slope = mix(dark, light, np.clip(0.6 + 0.7 * relief - 0.1 * number, 0, 1))
        picture = mix(picture, slope, _ridge(rng, size, base, 0.16, 2, 2))
    return litter(rng, picture, 0.5)


def fog(rng: np.random.Generator, size: int) -> Field:
    """Rows of trees that fade into fog."""
    _, y = grid(size)
    mist = colour(rng, (200, 0.08, 0.82), 40)
    wood = colour(rng, (180, 0.2, 0.4), 50)
    picture = mist * (1 + 0.08 * noise(rng, size, (3, 3), 3))[..., None]
    top = rng.uniform(0.25, 0.45)
    for number in range(3):
        base = top + number * (0.9 - top) / 3
        trees = _ridge(rng, size, base, 0.12 + 0.04 * number, 10)
        fade = 0.2 + 0.25 * number - 0.9 * np.clip(y - base, 0, 0.2)
        picture = mix(picture, wood, trees * fade)
    return litter(rng, picture, 0.8)


def forest(rng: np.random.Generator, size: int) -> Field:
    """Trunks before dim green, on a forest floor."""
    x, y = grid(size)
    deep = colour(rng, (110, 0.45, 0.25), 25)
    lit = colour(rng, (85, 0.5, 0.55), 20)
    picture = ramp([deep, lit], 0.45 + 0.7 * noise(rng, size, (4, 5), 4, 0.6))
    bark = colour(rng, (28, 0.35, 0.27))
    floor = rng.uniform(0.7, 0.85)
    for _ in range(int(rng.integers(4, 8))):
        centre = rng.uniform(0, 1) + 0.05 * (y - 0.5) * rng.uniform(-1, 1)
        width = rng.uniform(0.012, 0.045)
        offset = (x - centre) / width
        trunk = bark * (1.1 - 0.4 * np.clip(offset, -1, 1))[..., None]
        shown = step(1 - np.abs(offset), 0.02 / width) * (y < floor + width)
        picture = mix(picture, trunk, shown * rng.uniform(0.5, 1))
    soil = colour(rng, (40, 0.45, 0.35), 25)
    ground = soil * (1 + 0.4 * noise(rng, size, (12, 6), 3))[..., None]
    picture = mix(picture, ground, _ridge(rng, size, floor, 0.04, 5))
    return litter(rng, picture, 0.8)


def road(rng: np.random.Generator, size: int) -> Field:
    """A road with a dashed line through open land."""
    x, y = grid(size)
    horizon = rng.uniform(0.3, 0.5)
    vanish = rng.uniform(0.25, 0.75)
    depth = np.clip(y - horizon, 0, 1) + 0.01
    middle = vanish + (rng.uniform(0.3, 0.7) - vanish) * depth / (1 - horizon)
    across = (x - middle) / depth
    land = colour(rng, (65, 0.4, 0.5), 30)
    land = land * (1 + 0.25 * noise(rng, size, (12, 6), 3))[..., None]
    asphalt = colour(rng, (220, 0.06, 0.42), 90)
    asphalt = asphalt * (1 + 0.1 * noise(rng, size, (20, 20), 2))[..., None]
    soft = 1 / size / depth
    half = rng.uniform(0.5, 0.9)
    ground = mix(land, asphalt, np.clip((half - np.abs(across)) / soft + 0.5, 0, 1))
    dashes = (np.sin(4 / (depth + 0.1) + rng.uniform(0, 6)) > 0) * np.float32(0.8)
    line = np.clip((0.04 - np.abs(across)) / soft + 0.5, 0, 1) * dashes
    ground = mix(ground, np.full(3, 0.92, np.float32), line)
    picture = mix(_clear_sky(rng, size), land * 0.75, _ridge(rng, size, horizon, 0.08))
    picture = mix(picture, ground, step(y - horizon, 1 / size))
    return litter(rng, picture, 0.6)


def night(rng: np.random.Generator, size: int) -> Field:
    """A city at night, with lit windows."""
    x, y = grid(size)
    glow = colour(rng, (260, 0.5, 0.35), 60)
    picture = ramp([glow * 0.3, glow], y * 1.3)
    for layer in range(2):
        blocks = int(rng.integers(5, 9))
        heights = rng.uniform(0.35, 0.75, blocks + 1) + 0.15 * layer
        block = ((x + 0.3 * layer) * blocks).astype(np.int32) % (blocks + 1)
        tower = step(y - heights[block].astype(np.float32), 1 / size)
        wall = colour(rng, (235, 0.35, 0.2 - 0.07 * layer), 30)
        picture = mix(picture, wall, tower)
        lit = rng.random((20, 24)) < 0.22
        rows, columns = (y * 20).astype(np.int32), (x * 24).astype(np.int32)
        pane = (np.abs(y * 20 % 1 - 0.5) < 0.36) & (np.abs(x * 24 % 1 - 0.5) < 0.3)
        lamp = colour(rng, (42, 0.5, 0.85), 12)
        picture = mix(
            picture, lamp, tower * (lit[rows, columns] & pane) * np.float32(0.7)
        )
    return picture


def meadow(rng: np.random.Generator, size: int) -> Field:
    """Grass with small flowers below the sky."""
    _, y = grid(size)
    horizon = rng.uniform(0.15, 0.4)
    far = colour(rng, (95, 0.45, 0.6), 15)
    near = colour(rng, (105, 0.6, 0.42), 15)
    depth = np.clip((y - horizon) / (1 - horizon), 0, 1)
    blades = noise(rng, size, (6, 16), 3, 0.8)
    land: Field = (
        ramp([far, near], depth) * (1 + 0.3 * blades * (0.3 + depth))[..., None]
    )
    dots = step(noise(rng, size, (26, 20), 1) - rng.uniform(0.62, 0.8), 0.2)
    land = mix(land, colour(rng, (50, 0.4, 0.95), 180), dots * (0.2 + 0.7 * depth))
    picture = mix(
        _clear_sky(rng, size), near * 0.7, _ridge(rng, size, horizon - 0.02, 0.06)
    )
    picture = mix(picture, land, _ridge(rng, size, horizon, 0.03, 2))
    return litter(rng, picture, 0.5)


def _clear_sky(rng: np.random.Generator, size: int) -> Field:
    """From a deeper blue at the top to pale, or overcast."""
    _, y = grid(size)
    top = colour(rng, (212, rng.uniform(0.15, 0.65), 0.78))
    return ramp(
        [top, mix(top, np.full(3, 0.95, np.float32), 0.7)], y * rng.uniform(0.8, 2)
    )


def _ridge(
    rng: np.random.Generator,
    size: int,
    base: float,
    height: float,
    cells: int = 3,
    octaves: int = 4,
) -> Field:
    """Coverage of what lies below an uneven line around y = `base`, (S, S)."""
    _, y = grid(size)
    line = base + height * profile(rng, size, cells, octaves)
    return step(y - line[None, :], 1 / size)
