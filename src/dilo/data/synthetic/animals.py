"""Animals: each function draws one individual, its parts from back to front.

Hues stray around the palettes of the class; number, size and place of parts and of
pattern elements are drawn anew each time.
"""

import numpy as np

from dilo.data.synthetic.drawing import BLACK, WHITE, Field, colour, mix, pick
from dilo.data.synthetic.parts import (
    Paint,
    Part,
    Plane,
    ellipse,
    fade,
    lattice,
    lobes,
    mirrored,
    mosaic,
    plain,
    rings,
    scales,
    smooth,
    spiral,
    spots,
    stripes,
    symmetric,
    turned,
)


def ladybird(rng: np.random.Generator) -> list[Part]:
    """Round red to yellow wing cases with black spots, a black head."""
    shell = colour(
        rng, pick(rng, (2, 0.85, 0.8), (18, 0.85, 0.88), (40, 0.85, 0.92)), 6
    )
    radius = rng.uniform(0.1, 0.19)
    side = [
        (rng.uniform(0.25, 0.6), y + rng.uniform(-0.08, 0.08))
        for y in np.linspace(-0.45, 0.55, int(rng.integers(2, 5)))
    ]
    dots = spots(plain(shell), BLACK, side + [(-x, y) for x, y in side], radius)

    def cases(plane: Plane) -> Field:  # the seam between the wing cases
        seam = np.clip((0.03 - np.abs(plane.x)) / (1.5 * plane.pixel) + 0.5, 0, 1)
        return mix(dots(plane), BLACK, seam)

    face = spots(plain(BLACK), WHITE, [(0.3, -0.78), (-0.3, -0.78)], 0.11)
    return [
        Part(ellipse((0, -0.68), (0.5, 0.36)), face),
        Part(ellipse((0, 0.12), (0.86, 0.88)), cases),
    ]


def bee(rng: np.random.Generator) -> list[Part]:
    """A striped yellow and dark body between pale wings."""
    amber = colour(rng, (42, 0.88, 0.92), 8)
    dark = colour(rng, (25, 0.6, 0.16))
    wing = colour(rng, (205, 0.12, 0.9), 20)
    veins = lattice(plain(wing), wing * 0.72, rng.uniform(1.6, 2.4), 0.06)
    body = stripes(plain(amber), dark, rng.uniform(1.5, 2.6), rng.random(), 0.5)
    upper = ellipse((0.62, -0.3), (0.52, 0.27), rng.uniform(-35, -10))
    lower = ellipse((0.5, 0.12), (0.4, 0.2), rng.uniform(5, 30))
    wings = [upper, mirrored(upper), lower, mirrored(lower)]
    return [
        *(Part(outline, veins) for outline in wings),
        Part(ellipse((0, 0.3), (0.42, 0.68)), body),
        Part(ellipse((0, -0.36), (0.33, 0.3)), plain(amber * 0.75)),
        Part(ellipse((0, -0.7), (0.26, 0.2)), plain(dark)),
    ]


def fish(rng: np.random.Generator) -> list[Part]:
    """A body with upright white bands, a tail and fins."""
    base = pick(rng, (18, 0.9, 0.95), (215, 0.75, 0.75), (52, 0.85, 0.95))
    skin = colour(rng, base, 8)
    fin = colour(rng, (base[0] - 12, 0.85, 0.75), 8)
    bands, phase = rng.uniform(0.9, 1.5), rng.random()

    def banded(plane: Plane) -> Field:
        sideways = plane._replace(x=plane.y, y=plane.x)
        dark = stripes(plain(skin), BLACK, bands, phase, 0.46)
        return stripes(dark, WHITE, bands, phase, 0.3)(sideways)

    eye = rings((-0.62, -0.12), (0.12, 0.07), (WHITE, BLACK), banded)
    reach = rng.uniform(0.38, 0.6)
    tail = smooth([(0.5, 0), (1.05, -reach), (0.92, 0), (1.05, reach)])
    back = smooth([(-0.5, -0.3), (0.0, -0.85), (0.55, -0.5), (0.45, -0.1)])
    belly = smooth([(-0.2, 0.3), (0.1, 0.78), (0.4, 0.6), (0.35, 0.1)])
    body = smooth(
        [(-1.05, 0), (-0.6, -0.55), (0.2, -0.5), (0.75, 0), (0.2, 0.5), (-0.6, 0.55)]
    )
    fins = [Part(outline, plain(fin)) for outline in (tail, back, belly)]
    return [*fins, Part(body, eye)]


def butterfly(rng: np.random.Generator) -> list[Part]:
    """Four wings with a dark margin and eyespots."""
    hue = pick(rng, (215, 0.75, 0.85), (275, 0.6, 0.8), (175, 0.7, 0.75))
    wing = colour(rng, hue, 12)
    light = colour(rng, (hue[0] + 25, 0.4, 0.95), 20)
    ring = colour(rng, (45, 0.8, 0.95), 25)
    spread = rng.uniform(-12, 12)
    size = rng.uniform(0.85, 1.1)
    upper = smooth(
        [(-0.1, 0.1), (0.1, -0.55), (0.75, -1.15), (1.3, -0.9), (1.1, -0.1), (0.5, 0.2)]
    )
    lower = smooth(
        [(-0.1, -0.1), (0.55, -0.15), (1.1, 0.2), (0.95, 0.8), (0.5, 1.1), (0.05, 0.7)]
    )
    upper, lower = (turned(wing, spread) * size for wing in (upper, lower))
    spot = (rng.uniform(0.6, 0.8), rng.uniform(-0.6, -0.45))
    low = (0.55, 0.42)

    def pattern(plane: Plane) -> Field:
        half = plane._replace(x=np.abs(plane.x))
        eyed = rings(spot, (0.22, 0.16, 0.09), (BLACK, ring, BLACK), fade(light, wing))
        return rings(low, (0.17, 0.11), (BLACK, ring), eyed)(half)

    parts = []
    for outline in (lower, upper):
        inner = (outline - outline.mean(axis=0)) * 0.84 + outline.mean(axis=0)
        for shape, paint in ((outline, plain(BLACK)), (inner, pattern)):
            parts += [Part(shape, paint), Part(mirrored(shape), paint)]
    return [*parts, Part(ellipse((0, 0.02), (0.1, 0.62)), plain(BLACK * 2))]


def turtle(rng: np.random.Generator) -> list[Part]:
    """A shell of plates, four flippers, head and tail."""
    hue = pick(rng, (95, 0.55, 0.5), (65, 0.55, 0.5), (140, 0.45, 0.45))
    plates = [colour(rng, (hue[0], hue[1], value), 14) for value in (0.38, 0.55, 0.68)]
    skin = colour(rng, (hue[0] - 10, 0.45, 0.62), 10)
    seam = colour(rng, (45, 0.4, 0.25))
    shell = mosaic(plates, seam, rng.uniform(2.0, 2.8), int(rng.integers(2**32)))
    swing = rng.uniform(-18, 18)
    front = ellipse((0.68, -0.52), (0.4, 0.19), -35 + swing)
    rear = ellipse((0.58, 0.62), (0.3, 0.16), 40 - swing)
    limbs = [front, mirrored(front), rear, mirrored(rear)]
    freckled = spots(plain(skin), skin * 0.6, rng.uniform(-1, 1, (9, 2)).tolist(), 0.07)
    return [
        *(Part(outline, freckled) for outline in limbs),
        Part(ellipse((0, -0.86), (0.2, 0.25)), freckled),
        Part(ellipse((0, 0.06), (0.66, 0.78)), plain(plates[0] * 0.7)),
        Part(ellipse((0, 0.05), (0.58, 0.7)), shell),
    ]


def starfish(rng: np.random.Generator) -> list[Part]:
    """Five knobbly arms."""
    hue = pick(rng, (12, 0.75, 0.88), (310, 0.5, 0.7), (225, 0.6, 0.7))
    skin = colour(rng, hue, 10)
    knob = mix(skin, WHITE, rng.uniform(0.5, 0.8))
    places = [(0.0, 0.0)]
    for arm in range(5):
        for reach in (0.28, 0.5, 0.72):
            angle = np.radians(72 * arm) + rng.uniform(-0.06, 0.06)
            places.append((reach * np.sin(angle), -reach * np.cos(angle)))
    knobs = spots(fade(skin, skin * 0.75), knob, places, rng.uniform(0.055, 0.085))
    return [Part(lobes(5, rng.uniform(0.55, 0.66), rng.uniform(0.8, 1.3)), knobs)]


def owl(rng: np.random.Generator) -> list[Part]:
    """Feathers in rows, a pale face with large eyes."""
    base = colour(
        rng, pick(rng, (28, 0.45, 0.5), (30, 0.12, 0.62), (20, 0.55, 0.38)), 8
    )
    pale = mix(base, WHITE, 0.6)
    feathers = scales(plain(pale), base * 0.7, rng.uniform(2.6, 4.0))
    iris = colour(rng, (42, 0.9, 0.95), 12)
    eyes: Paint = fade(base, pale)
    for side in (-1, 1):
        radii = (rng.uniform(0.27, 0.32), 0.2, 0.1)
        eyes = rings((0.29 * side, -0.52), radii, (WHITE, iris, BLACK), eyes)
    body = smooth(symmetric([(0.5, -0.5), (0.78, 0.3), (0.45, 1.05)]))
    head = smooth(symmetric([(0, -0.85), (0.75, -1.15), (0.72, -0.2), (0, 0.05)]))
    wing = ellipse((0.6, 0.3), (0.2, 0.55), rng.uniform(-14, 4))
    feet = [ellipse((0.22 * side, 0.97), (0.14, 0.09)) for side in (-1, 1)]
    beak = np.array([(-0.09, -0.42), (0.09, -0.42), (0, -0.17)])
    return [
        Part(body, feathers),
        *(Part(outline, plain(base * 0.75)) for outline in (wing, mirrored(wing))),
        *(Part(outline, plain(iris * 0.85)) for outline in feet),
        Part(head, eyes),
        Part(beak, plain(colour(rng, (30, 0.8, 0.7)))),
    ]


def snail(rng: np.random.Generator) -> list[Part]:
    """A coiled shell on a soft body."""
    hue = pick(rng, (28, 0.5, 0.72), (345, 0.4, 0.7), (200, 0.35, 0.65))
    shell = colour(rng, hue, 12)
    flesh = colour(rng, (40, 0.35, 0.68), 15)
    coil = spiral(shell, shell * 0.4, rng.uniform(2.6, 3.8), rng.random())

    def placed(plane: Plane) -> Field:
        return coil(plane._replace(x=plane.x - 0.12, y=plane.y + 0.1))

    lift = rng.uniform(0.0, 0.3)
    face = [(-1.3, 0.2 - lift), (-1.05, -0.25 - lift), (-0.7, 0.2)]
    body = smooth([*face, (0.5, 0.3), (1.3, 0.72), (1.1, 0.86), (-0.9, 0.86)])
    horns = [
        np.array([(x - 0.05, 0), (x + 0.05, 0), (1.4 * x + 0.4, -0.62 - lift)])
        for x in (-1.12, -0.94)
    ]
    return [
        *(Part(outline, plain(flesh * 0.7)) for outline in horns),
        Part(body, fade(flesh * 1.1, flesh * 0.7)),
        Part(ellipse((0.12, -0.1), (0.72, 0.7)), placed),
    ]
