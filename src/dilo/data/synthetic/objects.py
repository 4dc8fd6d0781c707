"""The object classes: each differs in outline, in surface pattern and in colours."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dilo.data.synthetic import animals, things
from dilo.data.synthetic.patterns import Part


class Kind(NamedTuple):
    """What a scene needs to know of a class."""

    draw: Callable[[np.random.Generator], list[Part]]
    max_turn: float  # degrees; what stands or hangs does not lie on its head
    backgrounds: tuple[str, str]  # the kinds that belong to the class


KINDS: dict[str, Kind] = {
    "ladybird": Kind(animals.ladybird, 180, ("grass", "leaves")),
    "bee": Kind(animals.bee, 180, ("meadow", "field")),
    "fish": Kind(animals.fish, 40, ("water", "reef")),
    "butterfly": Kind(animals.butterfly, 90, ("forest", "moss")),
    "turtle": Kind(animals.turtle, 180, ("sea", "sand")),
    "starfish": Kind(animals.starfish, 180, ("dunes", "gravel")),
    "flower": Kind(things.flower, 180, ("rain", "mountains")),
    "balloon": Kind(things.balloon, 25, ("sky", "sunset")),
    "owl": Kind(animals.owl, 25, ("night", "snow")),
    "pineapple": Kind(things.pineapple, 90, ("earth", "road")),
    "snail": Kind(animals.snail, 35, ("stone", "fog")),
    "mug": Kind(things.mug, 25, ("wood", "brick")),
}
CLASSES: tuple[str, ...] = tuple(KINDS)
