"""The object classes: each differs in outline, in surface pattern and in colours."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dilo.data.synthetic import animals, things
from dilo.data.synthetic.patterns import Part


class ObjectClass(NamedTuple):
    """What a scene needs to know of a class."""

    draw: Callable[[np.random.Generator], list[Part]]
    max_turn: float  # degrees; what stands or hangs does not lie on its head
    backgrounds: tuple[str, str]  # the kinds that belong to the class


OBJECTS: dict[str, ObjectClass] = {
    "ladybird": ObjectClass(animals.ladybird, 180, ("grass", "leaves")),
    "bee": ObjectClass(animals.bee, 180, ("meadow", "field")),
    "fish": ObjectClass(animals.fish, 40, ("water", "reef")),
    "butterfly": ObjectClass(animals.butterfly, 90, ("forest", "moss")),
    "turtle": ObjectClass(animals.turtle, 180, ("sea", "sand")),
    "starfish": ObjectClass(animals.starfish, 180, ("dunes", "gravel")),
    "flower": ObjectClass(things.flower, 180, ("rain", "mountains")),
    "balloon": ObjectClass(things.balloon, 25, ("sky", "sunset")),
    "owl": ObjectClass(animals.owl, 25, ("night", "snow")),
    "pineapple": ObjectClass(things.pineapple, 90, ("earth", "road")),
    "snail": ObjectClass(animals.snail, 35, ("stone", "fog")),
    "mug": ObjectClass(things.mug, 25, ("wood", "brick")),
}
CLASSES: tuple[str, ...] = tuple(OBJECTS)
