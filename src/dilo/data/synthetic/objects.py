"""The object classes: each differs in outline, in surface pattern and in colours.

Plants and made things are drawn here, as animals are in `animals`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dilo.data.synthetic import animals
from dilo.data.synthetic.drawing import WHITE, colour, pick
from dilo.data.synthetic.parts import (
    Part,
    arc,
    ellipse,
    fade,
    gores,
    lattice,
    lobes,
    plaid,
    plain,
    rays,
    smooth,
    spots,
    symmetric,
    turned,
)


class ObjectClass(NamedTuple):
    """What a scene needs to know of a class."""

    draw: Callable[[np.random.Generator], list[Part]]
    max_turn: float  # degrees; what stands or hangs does not lie on its head
    backgrounds: tuple[str, str]  # the kinds that belong to the class


def flower(rng: np.random.Generator) -> list[Part]:
    """Petals with streaks around a dotted core."""
    hue = pick(rng, (330, 0.55, 0.92), (0, 0.04, 0.95), (280, 0.45, 0.85))
    petal = colour(rng, hue, 12)
    throat = colour(rng, pick(rng, (350, 0.7, 0.7), (55, 0.7, 0.9)), 15)
    count = int(rng.integers(5, 10))
    streaks = rays(petal, throat, 3 * count, rng.uniform(0.2, 0.6))
    core = colour(rng, pick(rng, (45, 0.9, 0.9), (28, 0.7, 0.4)), 8)
    seeds = rng.normal(0, 0.13, (12, 2)).tolist()
    outline = lobes(count, rng.uniform(0.3, 0.5), rng.uniform(0.35, 0.6))
    back = turned(outline, 180 / count)
    dotted = spots(plain(core), core * 0.6, seeds, 0.04)
    return [
        Part(back, lambda plane: streaks(plane) * np.float32(0.8)),
        Part(outline * 0.95, streaks),
        Part(ellipse((0, 0), (0.27, 0.27)), dotted),
    ]


def balloon(rng: np.random.Generator) -> list[Part]:
    """A hot-air balloon in gores of strong colours, with a basket."""
    first = rng.uniform(0, 360)
    turn = rng.uniform(90, 150)
    colours = [
        colour(rng, (first, 0.8, 0.85)),
        colour(rng, (first + turn, 0.75, 0.9)),
        WHITE,
    ][: int(rng.integers(2, 4))]
    bag = gores(colours, int(rng.integers(5, 9)), -0.3)
    wicker = colour(rng, (28, 0.6, 0.45))
    basket = lattice(plain(wicker), wicker * 0.6, 5, 0.12)
    half = [(0, -1.15), (0.75, -0.85), (0.85, -0.1), (0.3, 0.62)]
    envelope = smooth(symmetric(half))
    ropes = symmetric([(0.2, 0.5), (0.16, 0.8)])
    box = symmetric([(0.2, 0.74), (0.16, 1.0)])
    return [
        Part(ropes, plain(wicker * 0.4)),
        Part(envelope, bag),
        Part(box, basket),
    ]


def pineapple(rng: np.random.Generator) -> list[Part]:
    """A golden body crossed by slanted lines, a crown of green blades."""
    gold = colour(rng, pick(rng, (40, 0.75, 0.85), (28, 0.75, 0.7), (58, 0.65, 0.7)), 6)
    skin = lattice(fade(gold, gold * 0.8), gold * 0.45, rng.uniform(1.7, 2.6), 0.1)
    green = colour(rng, (125, 0.6, 0.45), 20)
    blades = []
    for lean in np.linspace(-48, 48, int(rng.integers(5, 8))):
        lean += rng.uniform(-6, 6)
        length = 0.62 - 0.004 * abs(lean)
        blade = smooth(symmetric([(0, -1.6 * length), (0.1, -length), (0.15, 0)]))
        shade = np.float32(rng.uniform(0.7, 1.25))
        blades.append(
            Part(turned(blade, lean) + np.array((0, -0.22)), plain(green * shade))
        )
    return [*blades, Part(ellipse((0, 0.36), (0.52, 0.68)), skin)]


def mug(rng: np.random.Generator) -> list[Part]:
    """A mug with a handle, in plaid."""
    first = rng.uniform(0, 360)
    colours = [
        colour(rng, (first, 0.25, 0.92)),
        colour(rng, (first + rng.uniform(-60, 60), 0.8, 0.6)),
        colour(rng, (first + 180, 0.7, 0.5), 40),
    ]
    cloth = plaid(colours, rng.uniform(1.4, 2.4), rng.random())
    narrow = rng.uniform(0.45, 0.62)
    wall = np.array(
        [(-0.66, -0.72), (0.54, -0.72), (narrow - 0.06, 0.75), (-narrow - 0.06, 0.75)]
    )
    base = ellipse((-0.06, 0.75), (narrow, 0.16))
    drink = colour(rng, (25, 0.6, 0.3), 15)
    return [
        Part(arc((0.5, 0.0), 0.38, 0.17, (-95, 95)), plain(colours[1])),
        Part(base, cloth),
        Part(wall, cloth),
        Part(ellipse((-0.06, -0.72), (0.6, 0.2)), plain(colours[0])),
        Part(ellipse((-0.06, -0.72), (0.52, 0.14)), plain(drink)),
    ]


OBJECTS: dict[str, ObjectClass] = {
    "ladybird": ObjectClass(animals.ladybird, 180, ("grass", "leaves")),
    "bee": ObjectClass(animals.bee, 180, ("meadow", "field")),
    "fish": ObjectClass(animals.fish, 40, ("water", "reef")),
    "butterfly": ObjectClass(animals.butterfly, 90, ("forest", "moss")),
    "turtle": ObjectClass(animals.turtle, 180, ("sea", "sand")),
    "starfish": ObjectClass(animals.starfish, 180, ("dunes", "gravel")),
    "flower": ObjectClass(flower, 180, ("rain", "mountains")),
    "balloon": ObjectClass(balloon, 25, ("sky", "sunset")),
    "owl": ObjectClass(animals.owl, 25, ("night", "snow")),
    "pineapple": ObjectClass(pineapple, 90, ("earth", "road")),
    "snail": ObjectClass(animals.snail, 35, ("stone", "fog")),
    "mug": ObjectClass(mug, 25, ("wood", "brick")),
}
CLASSES: tuple[str, ...] = tuple(OBJECTS)
