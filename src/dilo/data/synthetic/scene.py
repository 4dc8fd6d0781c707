"""Scenes: one object before one background, with its exact mask and its class."""

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.data.synthetic.backgrounds import BACKGROUNDS, paint_background
from dilo.data.synthetic.colours import mix
from dilo.data.synthetic.objects import CLASSES, OBJECTS
from dilo.data.synthetic.render import render
from dilo.errors import InputError
from dilo.image import Image

# Streams of one scene: a change of one leaves what the others draw as it is.
_OBJECT, _BACKGROUND, _CHOICE, _ORDER = range(4)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """What a series of scenes looks like; scene `index` depends on nothing else."""

    size: int = 64  # pixels, both ways
    seed: int = 0
    # probability that the background is of a kind that belongs to the class; else it
    # is any kind. 0: the background tells nothing about the class
    correlation: float = 0.0
    classes: int = 10  # the first so many of CLASSES

    def __post_init__(self) -> None:
        if self.size < 16:
            raise InputError(f"size must be at least 16 pixels, got {self.size}")
        if self.seed < 0:
            raise InputError(f"seed must not be negative, got {self.seed}")
        if not 0 <= self.correlation <= 1:
            raise InputError(f"correlation must be in [0, 1], got {self.correlation}")
        if not 2 <= self.classes <= len(CLASSES):
            raise InputError(
                f"classes must be from 2 to {len(CLASSES)}, got {self.classes}"
            )


class Scene(NamedTuple):
    """One picture and all that is known about it."""

    image: Image  # uint8 (S, S, 3)
    mask: NDArray[np.bool_]  # (S, S): the object covers half of the pixel or more
    label: int  # index into CLASSES
    background: int  # index into BACKGROUNDS
    backdrop: Image  # uint8 (S, S, 3): the background before the object came


def make_scene(config: SceneConfig, index: int, background: str | None = None) -> Scene:
    """Make scene `index` of the series, alike whatever was made before it.

    The image equals the backdrop wherever the object does not reach; on the rim of
    the object, less than a pixel wide, it blends into it.

    Args:
        config: the series.
        index: number of the scene, from 0. Labels are balanced: each run of
            `config.classes` scenes shows every class once.
        background: put the same object before this kind, one of `BACKGROUNDS`.

    Raises:
        InputError: `index` is negative, or there is no such background.
    """
    if index < 0:
        raise InputError(f"index must not be negative, got {index}")
    label = scene_label(config, index)
    kind = _background_kind(config, index, label) if background is None else background
    stream = _stream(config, index, _BACKGROUND)
    backdrop = paint_background(kind, config.size, stream)
    stream = _stream(config, index, _OBJECT)
    thing = OBJECTS[CLASSES[label]]
    sprite = render(thing.draw(stream), config.size, thing.max_turn, stream)
    picture = mix(backdrop.astype(np.float32), sprite.colour, sprite.coverage)
    image = np.rint(picture).clip(0, 255).astype(np.uint8)
    mask = sprite.coverage >= 0.5
    return Scene(image, mask, label, BACKGROUNDS.index(kind), backdrop)


def scene_label(config: SceneConfig, index: int) -> int:
    """Give the label of scene `index` without painting it."""
    round_, place = divmod(index, config.classes)
    order = _stream(config, round_, _ORDER).permutation(config.classes)
    return int(order[place])


def _background_kind(config: SceneConfig, index: int, label: int) -> str:
    """Draw the kind; more correlation turns some scenes to own kinds, none back."""
    stream = _stream(config, index, _CHOICE)
    chance = stream.random()
    own = OBJECTS[CLASSES[label]].backgrounds
    own_kind = own[int(stream.integers(len(own)))]
    any_kind = BACKGROUNDS[int(stream.integers(len(BACKGROUNDS)))]
    return own_kind if chance < config.correlation else any_kind


def _stream(config: SceneConfig, index: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng((config.seed, index, purpose))
