"""Backgrounds that fill the picture with one material.

Each painter takes a random generator and a size S and returns a float32 picture
(S, S, 3), about [0, 1]. Palette, scale and direction are drawn anew each time.
"""

import numpy as np

from dilo.data.synthetic.colours import colour, mix, ramp
from dilo.data.synthetic.litter import litter
from dilo.data.synthetic.noise import Field, grid, noise, step, voronoi


def grass(rng: np.random.Generator, size: int) -> Field:
    """Blades of grass in light and dark patches."""
    patches = noise(rng, size, (3, 3), 3)
    blades = noise(rng, size, (7, 22), 2, 0.9)
    dark = colour(rng, (105, 0.6, 0.3), 15)
    light = colour(rng, (88, 0.6, 0.62), 15)
    picture = ramp([dark, light], 0.5 + 0.45 * patches + 0.35 * blades)
    return litter(rng, picture)


def sand(rng: np.random.Generator, size: int) -> Field:
    """Fine sand with soft ripples."""
    _, y = _turned(rng, size)
    bend = noise(rng, size, (2, 2), 2)
    ripple = np.sin(y * rng.uniform(18, 45) + 4 * bend) * rng.uniform(0, 0.5)
    grain = noise(rng, size, (32, 32), 2, 0.8)
    dark = colour(rng, (34, 0.4, 0.62))
    light = colour(rng, (40, 0.28, 0.9))
    picture = ramp([dark, light], 0.55 + 0.25 * ripple + 0.2 * grain + 0.25 * bend)
    return litter(rng, picture)


def brick(rng: np.random.Generator, size: int) -> Field:
    """A brick wall in running bond."""
    x, y = grid(size)
    rows = rng.uniform(6, 10)
    height = y * rows + rng.uniform(0, 1)
    row, down = np.floor(height).astype(np.int32), height % 1
    along = x * rows * 0.42 + 0.5 * (row % 2) + rng.uniform(0, 1)
    number = (row * 7 + np.floor(along).astype(np.int32)) & 63
    tone = rng.normal(0, 0.09, 64).astype(np.float32)[number]
    clay = colour(rng, (14, 0.55, 0.58), 12)
    wall = clay * (1 + tone + 0.15 * noise(rng, size, (8, 8), 3))[..., None]
    edge = np.minimum(
        np.minimum(down, 1 - down), np.minimum(along % 1, 1 - along % 1) * 2.4
    )
    mortar = colour(rng, (35, 0.12, 0.68), 20)
    return mix(mortar, wall, step(edge - 0.08, rows / size))


def wood(rng: np.random.Generator, size: int) -> Field:
    """Wooden planks with grain, upright or lying."""
    _, y = grid(size)
    planks = int(rng.integers(2, 6))
    plank = np.minimum((y * planks).astype(np.int32), planks - 1)
    tone = rng.normal(0, 0.12, planks).astype(np.float32)[plank]
    rings = y * rng.uniform(25, 50) + 5 * noise(rng, size, (4, 1), 2) + 9 * tone
    grain = 0.5 * np.sin(rings) + 0.5 * noise(rng, size, (28, 3), 2)
    dark = colour(rng, (24, 0.55, 0.42))
    light = colour(rng, (32, 0.48, 0.72))
    picture = ramp([dark, light], 0.55 + 0.22 * grain + tone * 1.5)
    seam = np.abs(y * planks % 1 - 0.5)
    picture = mix(
        picture, dark * 0.5, step(seam - 0.5 + 0.6 * planks / size, planks / size)
    )
    return (
        picture if rng.random() < 0.5 else np.ascontiguousarray(picture.swapaxes(0, 1))
    )


def water(rng: np.random.Generator, size: int) -> Field:
    """The bright net that waves throw on shallow water."""
    x, y = _turned(rng, size, rng.uniform(4, 7))
    bend = noise(rng, size, (4, 4), 2)
    wall, _ = voronoi(rng, x + bend * 0.6, y * 1.5 + bend * 0.6)
    deep = colour(rng, (200, 0.7, 0.55))
    light = colour(rng, (182, 0.45, 0.85))
    glint = np.exp(-wall * 9) * 0.55
    return ramp([deep, light, np.ones(3, np.float32)], 0.15 + 0.3 * bend + glint)


def gravel(rng: np.random.Generator, size: int) -> Field:
    """Pebbles of mixed greys."""
    x, y = _turned(rng, size, rng.uniform(8, 13))
    wall, tone = voronoi(rng, x, y)
    dark = colour(rng, (30, 0.12, 0.38), 30)
    light = colour(rng, (35, 0.12, 0.78), 30)
    stones = ramp([dark, light], 0.2 + 0.6 * tone)
    picture = mix(dark * 0.5, stones, np.clip(0.3 + 3.5 * wall, 0, 1))
    return litter(rng, picture)


def leaves(rng: np.random.Generator, size: int) -> Field:
    """Fallen leaves."""
    x, y = _turned(rng, size, rng.uniform(5, 8))
    wobble = noise(rng, size, (8, 8), 2)
    wall, tone = voronoi(rng, x + 0.5 * wobble, y * 0.55 - 0.3 * wobble)
    first = colour(rng, (28, 0.65, 0.55), 25)
    others = [colour(rng, (hue, 0.6, 0.55), 12) for hue in (12, 45, 30)]
    blades = ramp([first * 0.8, *others], tone)
    blades = blades * (1 + 0.25 * noise(rng, size, (14, 14), 2))[..., None]
    picture = mix(first * 0.35, blades, np.clip(0.35 + 3.5 * wall, 0, 1))
    return litter(rng, picture)


def stone(rng: np.random.Generator, size: int) -> Field:
    """A wall of large stones."""
    x, y = grid(size)
    scale = rng.uniform(4, 6)
    wall, tone = voronoi(rng, x * scale * 0.75, y * scale)
    dark = colour(rng, (35, 0.15, 0.42), 40)
    light = colour(rng, (35, 0.18, 0.7), 20)
    rough = noise(rng, size, (8, 8), 3, 0.7)
    stones = ramp([dark, light], 0.25 + 0.5 * tone + 0.3 * rough)
    mortar = mix(dark * 0.6, light, rng.uniform(0, 1))
    return mix(mortar, stones, step(wall - 0.05, 0.1))


def rain(rng: np.random.Generator, size: int) -> Field:
    """Lights out of focus behind a window down which rain runs."""
    x, y = grid(size)
    dim = colour(rng, (220, 0.35, 0.3), 40)
    pale = colour(rng, (210, 0.25, 0.6), 30)
    trails = noise(rng, size, (3, 18), 2, 0.8)
    position = 0.85 - 0.7 * y + 0.4 * noise(rng, size, (2, 2), 2) + 0.25 * trails
    picture = ramp([dim, pale], position)
    for _ in range(int(rng.integers(5, 11))):
        lamp = colour(rng, (35, 0.55, 0.95), 45)
        radius = rng.uniform(0.04, 0.11)
        distance = np.hypot(x - rng.random(), y - rng.random() + 0.02 * trails)
        disc = step(radius - distance, 0.03) * np.float32(rng.uniform(0.2, 0.65))
        picture = mix(picture, lamp, disc)
    return picture


def reef(rng: np.random.Generator, size: int) -> Field:
    """Under water: beams of light from above, coral below."""
    x, y = grid(size)
    shallow = colour(rng, (188, 0.6, 0.82))
    deep = colour(rng, (208, 0.85, 0.4))
    slant = x + (y - 1) * rng.uniform(-0.6, 0.6)
    beams = np.sin(slant * rng.uniform(10, 20) + rng.uniform(0, 6)) * (1 - y)
    picture = ramp(
        [shallow, deep], y + 0.12 * beams + 0.15 * noise(rng, size, (3, 3), 3)
    )
    coral = ramp(
        [
            deep * 0.6,
            colour(rng, (330, 0.4, 0.55), 60),
            colour(rng, (190, 0.4, 0.5), 40),
        ],
        0.5 + 0.7 * noise(rng, size, (8, 8), 3),
    )
    bottom = y - rng.uniform(0.68, 0.9) + 0.2 * noise(rng, size, (5, 5), 3)
    picture = mix(picture, coral, step(bottom, 0.03))
    return litter(rng, picture, 0.8)


def earth(rng: np.random.Generator, size: int) -> Field:
    """Dry cracked earth."""
    x, y = _turned(rng, size, rng.uniform(4, 7))
    bend = noise(rng, size, (6, 6), 3)
    wall, tone = voronoi(rng, x + 0.25 * bend, y + 0.25 * bend)
    clay = colour(rng, (24, 0.42, 0.6), 14)
    plates = clay * (0.92 + 0.16 * tone + 0.2 * bend)[..., None]
    picture = mix(clay * 0.4, plates, step(wall - 0.045, 0.09))
    return litter(rng, picture)


def moss(rng: np.random.Generator, size: int) -> Field:
    """Soft moss over dark ground."""
    clumps = noise(rng, size, (4, 4), 5, 0.65)
    dark = colour(rng, (70, 0.5, 0.22), 30)
    middle = colour(rng, (85, 0.65, 0.42), 15)
    light = colour(rng, (72, 0.6, 0.68), 15)
    picture = ramp([dark, middle, light], 0.5 + 0.8 * clumps)
    return litter(rng, picture)


def _turned(
    rng: np.random.Generator, size: int, scale: float = 1.0
) -> tuple[Field, Field]:
    """Pixel coordinates turned by a random angle and shifted, `scale` units wide."""
    x, y = grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    cosine, sine = np.float32(np.cos(angle) * scale), np.float32(np.sin(angle) * scale)
    shift = np.float32(rng.uniform(0, 16))
    return x * cosine - y * sine + shift, x * sine + y * cosine + shift
