"""Backgrounds with depth: a horizon, and what lies above and below it.

Palette, horizon and scale are drawn anew each time.
"""

import numpy as np

from dilo.data.synthetic.drawing import Draw, Field, mix, ramp, step


def sky(draw: Draw, x: Field, y: Field) -> Field:
    """Blue sky with clouds."""
    clear = draw.sky()
    cells = int(draw.rng.integers(2, 4))
    billow = draw.noise((cells + 1, cells), 5, 0.55) * 2
    cloud = np.clip(billow * 0.9 + draw.uniform(-0.3, 0.3), 0, 1)
    shade = np.clip(0.95 + 0.12 * draw.noise((3, 3), 3), 0, 1)
    return mix(clear, np.repeat(shade[..., None], 3, 2), cloud)


def sea(draw: Draw, x: Field, y: Field) -> Field:
    """Waves below a plain sky."""
    horizon = draw.uniform(0.2, 0.5)
    far = draw.colour((205, 0.65, 0.45))
    near = draw.colour((190, 0.6, 0.65))
    depth = np.clip((y - horizon) / (1 - horizon), 0, 1)
    swell = draw.noise((14, 3), 3, 0.7) * (0.25 + 0.75 * depth)
    water: Field = ramp([far, near], depth) + (0.25 * swell)[..., None]
    foam = step(swell - draw.uniform(0.33, 0.5), 0.12) * 0.6
    water = mix(water, np.ones(3, np.float32), foam)
    picture = mix(draw.sky(), water, step(y - horizon, 1 / draw.size))
    return draw.litter(picture, 0.6)


def sunset(draw: Draw, x: Field, y: Field) -> Field:
    """Evening sky in bands, the sun, and dark land."""
    horizon = draw.uniform(0.6, 0.85)
    high = draw.colour((260, 0.5, 0.4), 30)
    low = draw.colour((45, 0.75, 0.98))
    bands = [high, draw.colour((340, 0.5, 0.7), 20), draw.colour((20, 0.75, 0.95)), low]
    streaks = draw.noise((9, 2), 3) * 0.14
    picture = ramp(bands, y / horizon + streaks)
    distance = np.hypot(x - draw.uniform(0.1, 0.9), y - horizon + draw.uniform(0, 0.15))
    picture = mix(picture, low, np.exp(-((distance / 0.25) ** 2)) * 0.7)
    land = ramp([draw.colour((20, 0.5, 0.28), 20), high * 0.3], (y - horizon) * 3)
    picture = mix(picture, land, draw.ridge(horizon, 0.06))
    return picture


def mountains(draw: Draw, x: Field, y: Field) -> Field:
    """Ranges of mountains, paler with distance, the farthest with snow."""
    picture = draw.sky()
    near = draw.colour((150, 0.35, 0.28), 50)
    haze = draw.colour((215, 0.3, 0.7))
    top = draw.uniform(0.25, 0.45)
    snow = step(draw.uniform(0.03, 0.12) + top - y + 0.1 * draw.noise((6, 8), 3), 0.05)
    ranges = 3
    for number in range(ranges):
        rock = mix(haze, near, (number + 0.6) / ranges)
        slope = rock * (1 + 0.3 * draw.noise((5, 6), 4, 0.6))[..., None]
        if number == 0:
            slope = mix(slope, np.full(3, 0.95, np.float32), snow)
        base = top + number * (0.95 - top) / ranges
        picture = mix(picture, slope, draw.ridge(base, 0.22 - 0.05 * number, 4))
    return picture


def snow(draw: Draw, x: Field, y: Field) -> Field:
    """Snow-covered hills below a row of dark firs."""
    horizon = draw.uniform(0.3, 0.5)
    picture = ramp(
        [draw.colour((215, 0.3, 0.75)), draw.colour((215, 0.08, 0.95))], y * 2
    )
    firs = draw.colour((160, 0.35, 0.35), 40)
    picture = mix(picture, firs, draw.ridge(horizon - 0.08, 0.14, 12) * 0.9)
    drift = draw.noise((5, 2), 3)
    shadow = draw.colour((215, 0.22, 0.8))
    white = np.full(3, 0.97, np.float32)
    ground = mix(shadow, white, np.clip(0.6 + 0.9 * drift, 0, 1))
    picture = mix(picture, ground, draw.ridge(horizon, 0.05))
    return draw.litter(picture, 0.55)


def field(draw: Draw, x: Field, y: Field) -> Field:
    """Rows of a crop that run to the horizon."""
    horizon = draw.uniform(0.2, 0.45)
    depth = np.clip(y - horizon, 0, 1) + 0.06
    across = (x - draw.uniform(-0.2, 1.2)) / depth
    crop = draw.colour((85, 0.6, 0.5), 25)
    soil = mix(crop, draw.colour((30, 0.5, 0.42)), draw.uniform(0.3, 0.9))
    rows = 0.5 + 0.5 * np.sin(across * draw.uniform(5, 10) + draw.noise((6, 6), 3))
    rows = 0.5 + (rows - 0.5) * np.clip(depth * 3, 0, 1)
    land = mix(soil, crop, rows) * (1 + 0.2 * draw.noise((10, 10), 3, 0.7))[..., None]
    picture = mix(draw.sky(), crop * 0.5, draw.ridge(horizon, 0.05, 9))
    picture = mix(picture, land, step(y - horizon - 0.03, 1 / draw.size))
    return draw.litter(picture, 0.55)


def dunes(draw: Draw, x: Field, y: Field) -> Field:
    """Desert dunes with a lit and a shaded side."""
    light = draw.colour((32, 0.45, 0.88))
    dark = draw.colour((22, 0.55, 0.6))
    top = draw.uniform(0.2, 0.5)
    picture = draw.sky()
    for number in range(3):
        base = top + number * (1 - top) * 0.33
        relief = draw.noise((3, 3), 2) + 0.3 * draw.noise((16, 4), 2)
        slope = mix(dark, light, np.clip(0.6 + 0.7 * relief - 0.1 * number, 0, 1))
        picture = mix(picture, slope, draw.ridge(base, 0.16, 2, 2))
    return draw.litter(picture, 0.5)


def fog(draw: Draw, x: Field, y: Field) -> Field:
    """Rows of trees that fade into fog."""
    mist = draw.colour((200, 0.08, 0.82), 40)
    wood = draw.colour((180, 0.2, 0.4), 50)
    picture = mist * (1 + 0.08 * draw.noise((3, 3), 3))[..., None]
    top = draw.uniform(0.25, 0.45)
    for number in range(3):
        base = top + number * (0.9 - top) / 3
        trees = draw.ridge(base, 0.12 + 0.04 * number, 10)
        fade = 0.2 + 0.25 * number - 0.9 * np.clip(y - base, 0, 0.2)
        picture = mix(picture, wood, trees * fade)
    return draw.litter(picture, 0.8)


def forest(draw: Draw, x: Field, y: Field) -> Field:
    """Trunks before dim green, on a forest floor."""
    deep = draw.colour((110, 0.45, 0.25), 25)
    lit = draw.colour((85, 0.5, 0.55), 20)
    picture = ramp([deep, lit], 0.45 + 0.7 * draw.noise((4, 5), 4, 0.6))
    bark = draw.colour((28, 0.35, 0.27))
    floor = draw.uniform(0.7, 0.85)
    for _ in range(int(draw.rng.integers(4, 8))):
        centre = draw.uniform(0, 1) + 0.05 * (y - 0.5) * draw.uniform(-1, 1)
        width = draw.uniform(0.012, 0.045)
        offset = (x - centre) / width
        trunk = bark * (1.1 - 0.4 * np.clip(offset, -1, 1))[..., None]
        shown = step(1 - np.abs(offset), 0.02 / width) * (y < floor + width)
        picture = mix(picture, trunk, shown * draw.uniform(0.5, 1))
    soil = draw.colour((40, 0.45, 0.35), 25)
    ground = soil * (1 + 0.4 * draw.noise((12, 6), 3))[..., None]
    picture = mix(picture, ground, draw.ridge(floor, 0.04, 5))
    return draw.litter(picture, 0.8)


def road(draw: Draw, x: Field, y: Field) -> Field:
    """A road with a dashed line through open land."""
    horizon = draw.uniform(0.3, 0.5)
    vanish = draw.uniform(0.25, 0.75)
    depth = np.clip(y - horizon, 0, 1) + 0.01
    middle = vanish + (draw.uniform(0.3, 0.7) - vanish) * depth / (1 - horizon)
    across = (x - middle) / depth
    land = draw.colour((65, 0.4, 0.5), 30)
    land = land * (1 + 0.25 * draw.noise((12, 6), 3))[..., None]
    asphalt = draw.colour((220, 0.06, 0.42), 90)
    asphalt = asphalt * (1 + 0.1 * draw.noise((20, 20), 2))[..., None]
    soft = 1 / draw.size / depth
    half = draw.uniform(0.5, 0.9)
    ground = mix(land, asphalt, np.clip((half - np.abs(across)) / soft + 0.5, 0, 1))
    dashes = (np.sin(4 / (depth + 0.1) + draw.uniform(0, 6)) > 0) * np.float32(0.8)
    line = np.clip((0.04 - np.abs(across)) / soft + 0.5, 0, 1) * dashes
    ground = mix(ground, np.full(3, 0.92, np.float32), line)
    picture = mix(draw.sky(), land * 0.75, draw.ridge(horizon, 0.08))
    picture = mix(picture, ground, step(y - horizon, 1 / draw.size))
    return draw.litter(picture, 0.6)


def night(draw: Draw, x: Field, y: Field) -> Field:
    """A city at night, with lit windows."""
    glow = draw.colour((260, 0.5, 0.35), 60)
    picture = ramp([glow * 0.3, glow], y * 1.3)
    for layer in range(2):
        blocks = int(draw.rng.integers(5, 9))
        heights = draw.rng.uniform(0.35, 0.75, blocks + 1) + 0.15 * layer
        block = ((x + 0.3 * layer) * blocks).astype(np.int32) % (blocks + 1)
        tower = step(y - heights[block].astype(np.float32), 1 / draw.size)
        wall = draw.colour((235, 0.35, 0.2 - 0.07 * layer), 30)
        picture = mix(picture, wall, tower)
        lit = draw.rng.random((20, 24)) < 0.22
        rows, columns = (y * 20).astype(np.int32), (x * 24).astype(np.int32)
        pane = (np.abs(y * 20 % 1 - 0.5) < 0.36) & (np.abs(x * 24 % 1 - 0.5) < 0.3)
        lamp = draw.colour((42, 0.5, 0.85), 12)
        picture = mix(
            picture, lamp, tower * (lit[rows, columns] & pane) * np.float32(0.7)
        )
    return picture


def meadow(draw: Draw, x: Field, y: Field) -> Field:
    """Grass with small flowers below the sky."""
    horizon = draw.uniform(0.15, 0.4)
    far = draw.colour((95, 0.45, 0.6), 15)
    near = draw.colour((105, 0.6, 0.42), 15)
    depth = np.clip((y - horizon) / (1 - horizon), 0, 1)
    blades = draw.noise((6, 16), 3, 0.8)
    land: Field = (
        ramp([far, near], depth) * (1 + 0.3 * blades * (0.3 + depth))[..., None]
    )
    dots = step(draw.noise((26, 20), 1) - draw.uniform(0.62, 0.8), 0.2)
    land = mix(land, draw.colour((50, 0.4, 0.95), 180), dots * (0.2 + 0.7 * depth))
    picture = mix(draw.sky(), near * 0.7, draw.ridge(horizon - 0.02, 0.06))
    picture = mix(picture, land, draw.ridge(horizon, 0.03, 2))
    return draw.litter(picture, 0.5)
