"""Backgrounds that fill the picture with one material.

Palette, scale and direction are drawn anew each time.
"""

import numpy as np

from dilo.data.synthetic.drawing import Draw, Field, mix, ramp, step, voronoi


def grass(draw: Draw, x: Field, y: Field) -> Field:
    """Blades of grass in light and dark patches."""
    patches = draw.noise((3, 3), 3)
    blades = draw.noise((7, 22), 2, 0.9)
    dark = draw.colour((105, 0.6, 0.3), 15)
    light = draw.colour((88, 0.6, 0.62), 15)
    picture = ramp([dark, light], 0.5 + 0.45 * patches + 0.35 * blades)
    return draw.litter(picture)


def sand(draw: Draw, x: Field, y: Field) -> Field:
    """Fine sand with soft ripples."""
    _, y = draw.turned()
    bend = draw.noise((2, 2), 2)
    ripple = np.sin(y * draw.uniform(18, 45) + 4 * bend) * draw.uniform(0, 0.5)
    grain = draw.noise((32, 32), 2, 0.8)
    dark = draw.colour((34, 0.4, 0.62))
    light = draw.colour((40, 0.28, 0.9))
    picture = ramp([dark, light], 0.55 + 0.25 * ripple + 0.2 * grain + 0.25 * bend)
    return draw.litter(picture)


def brick(draw: Draw, x: Field, y: Field) -> Field:
    """A brick wall in running bond."""
    rows = draw.uniform(6, 10)
    height = y * rows + draw.uniform(0, 1)
    row, down = np.floor(height).astype(np.int32), height % 1
    along = x * rows * 0.42 + 0.5 * (row % 2) + draw.uniform(0, 1)
    number = (row * 7 + np.floor(along).astype(np.int32)) & 63
    tone = draw.rng.normal(0, 0.09, 64).astype(np.float32)[number]
    clay = draw.colour((14, 0.55, 0.58), 12)
    wall = clay * (1 + tone + 0.15 * draw.noise((8, 8), 3))[..., None]
    edge = np.minimum(
        np.minimum(down, 1 - down), np.minimum(along % 1, 1 - along % 1) * 2.4
    )
    mortar = draw.colour((35, 0.12, 0.68), 20)
    return mix(mortar, wall, step(edge - 0.08, rows / draw.size))


def wood(draw: Draw, x: Field, y: Field) -> Field:
    """Wooden planks with grain, upright or lying."""
    planks = int(draw.rng.integers(2, 6))
    plank = np.minimum((y * planks).astype(np.int32), planks - 1)
    tone = draw.rng.normal(0, 0.12, planks).astype(np.float32)[plank]
    rings = y * draw.uniform(25, 50) + 5 * draw.noise((4, 1), 2) + 9 * tone
    grain = 0.5 * np.sin(rings) + 0.5 * draw.noise((28, 3), 2)
    dark = draw.colour((24, 0.55, 0.42))
    light = draw.colour((32, 0.48, 0.72))
    picture = ramp([dark, light], 0.55 + 0.22 * grain + tone * 1.5)
    seam = np.abs(y * planks % 1 - 0.5)
    edge = step(seam - 0.5 + 0.6 * planks / draw.size, planks / draw.size)
    picture = mix(picture, dark * 0.5, edge)
    lying = draw.rng.random() < 0.5
    return picture if lying else np.ascontiguousarray(picture.swapaxes(0, 1))


def water(draw: Draw, x: Field, y: Field) -> Field:
    """The bright net that waves throw on shallow water."""
    x, y = draw.turned(draw.uniform(4, 7))
    bend = draw.noise((4, 4), 2)
    wall, _ = voronoi(draw.rng, x + bend * 0.6, y * 1.5 + bend * 0.6)
    deep = draw.colour((200, 0.7, 0.55))
    light = draw.colour((182, 0.45, 0.85))
    glint = np.exp(-wall * 9) * 0.55
    return ramp([deep, light, np.ones(3, np.float32)], 0.15 + 0.3 * bend + glint)


def gravel(draw: Draw, x: Field, y: Field) -> Field:
    """Pebbles of mixed greys."""
    x, y = draw.turned(draw.uniform(8, 13))
    wall, tone = voronoi(draw.rng, x, y)
    dark = draw.colour((30, 0.12, 0.38), 30)
    light = draw.colour((35, 0.12, 0.78), 30)
    stones = ramp([dark, light], 0.2 + 0.6 * tone)
    picture = mix(dark * 0.5, stones, np.clip(0.3 + 3.5 * wall, 0, 1))
    return draw.litter(picture)


def leaves(draw: Draw, x: Field, y: Field) -> Field:
    """Fallen leaves."""
    x, y = draw.turned(draw.uniform(5, 8))
    wobble = draw.noise((8, 8), 2)
    wall, tone = voronoi(draw.rng, x + 0.5 * wobble, y * 0.55 - 0.3 * wobble)
    first = draw.colour((28, 0.65, 0.55), 25)
    others = [draw.colour((hue, 0.6, 0.55), 12) for hue in (12, 45, 30)]
    blades = ramp([first * 0.8, *others], tone)
    blades = blades * (1 + 0.25 * draw.noise((14, 14), 2))[..., None]
    picture = mix(first * 0.35, blades, np.clip(0.35 + 3.5 * wall, 0, 1))
    return draw.litter(picture)


def stone(draw: Draw, x: Field, y: Field) -> Field:
    """A wall of large stones."""
    scale = draw.uniform(4, 6)
    wall, tone = voronoi(draw.rng, x * scale * 0.75, y * scale)
    dark = draw.colour((35, 0.15, 0.42), 40)
    light = draw.colour((35, 0.18, 0.7), 20)
    rough = draw.noise((8, 8), 3, 0.7)
    stones = ramp([dark, light], 0.25 + 0.5 * tone + 0.3 * rough)
    mortar = mix(dark * 0.6, light, draw.uniform(0, 1))
    return mix(mortar, stones, step(wall - 0.05, 0.1))


def rain(draw: Draw, x: Field, y: Field) -> Field:
    """Lights out of focus behind a window down which rain runs."""
    dim = draw.colour((220, 0.35, 0.3), 40)
    pale = draw.colour((210, 0.25, 0.6), 30)
    trails = draw.noise((3, 18), 2, 0.8)
    position = 0.85 - 0.7 * y + 0.4 * draw.noise((2, 2), 2) + 0.25 * trails
    picture = ramp([dim, pale], position)
    for _ in range(int(draw.rng.integers(5, 11))):
        lamp = draw.colour((35, 0.55, 0.95), 45)
        radius = draw.uniform(0.04, 0.11)
        right, down = draw.rng.random(2)
        distance = np.hypot(x - right, y - down + 0.02 * trails)
        disc = step(radius - distance, 0.03) * np.float32(draw.uniform(0.2, 0.65))
        picture = mix(picture, lamp, disc)
    return picture


def reef(draw: Draw, x: Field, y: Field) -> Field:
    """Under water: beams of light from above, coral below."""
    shallow = draw.colour((188, 0.6, 0.82))
    deep = draw.colour((208, 0.85, 0.4))
    slant = x + (y - 1) * draw.uniform(-0.6, 0.6)
    beams = np.sin(slant * draw.uniform(10, 20) + draw.uniform(0, 6)) * (1 - y)
    picture = ramp([shallow, deep], y + 0.12 * beams + 0.15 * draw.noise((3, 3), 3))
    coral = ramp(
        [
            deep * 0.6,
            draw.colour((330, 0.4, 0.55), 60),
            draw.colour((190, 0.4, 0.5), 40),
        ],
        0.5 + 0.7 * draw.noise((8, 8), 3),
    )
    bottom = y - draw.uniform(0.68, 0.9) + 0.2 * draw.noise((5, 5), 3)
    picture = mix(picture, coral, step(bottom, 0.03))
    return draw.litter(picture, 0.8)


def earth(draw: Draw, x: Field, y: Field) -> Field:
    """Dry cracked earth."""
    x, y = draw.turned(draw.uniform(4, 7))
    bend = draw.noise((6, 6), 3)
    wall, tone = voronoi(draw.rng, x + 0.25 * bend, y + 0.25 * bend)
    clay = draw.colour((24, 0.42, 0.6), 14)
    plates = clay * (0.92 + 0.16 * tone + 0.2 * bend)[..., None]
    picture = mix(clay * 0.4, plates, step(wall - 0.045, 0.09))
    return draw.litter(picture)


def moss(draw: Draw, x: Field, y: Field) -> Field:
    """Soft moss over dark ground."""
    clumps = draw.noise((4, 4), 5, 0.65)
    dark = draw.colour((70, 0.5, 0.22), 30)
    middle = draw.colour((85, 0.65, 0.42), 15)
    light = draw.colour((72, 0.6, 0.68), 15)
    picture = ramp([dark, middle, light], 0.5 + 0.8 * clumps)
    return draw.litter(picture)
