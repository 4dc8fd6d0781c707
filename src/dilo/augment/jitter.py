"""Colour as the field changes it: jitter and grey, in a few compiled passes.

Brightness, contrast and saturation blend with black, with the mean grey and with the
pixel's grey; hue turns the HSV hue circle; the four come in random order. The levels
are those of Pillow, of which most published recipes were made: blends are rounded down,
greys to the nearest, after every step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dilo.augment.planes import Planes, join, split
from dilo.augment.recolour import (
    GREY,
    HUE,
    fixed_factor,
    recolour_levels,
)
from dilo.image import Image

Steps = Sequence[tuple[int, float]]  # BRIGHTNESS ... with their factors


@dataclass(frozen=True, kw_only=True)
class Jitter:
    """The drawn parameters of one colour jitter."""

    order: tuple[int, ...]  # the steps in the order in which they are applied
    factors: tuple[float, float, float, float]  # hue in turns, the others as factors


def draw_jitter(rng: np.random.Generator, strength: tuple[float, ...]) -> Jitter:
    """Draw factors in 1 +- strength (hue in +- strength) and their order."""
    drawn = rng.random(4).tolist()
    brightness, contrast, saturation, hue = (
        (2 * share - 1) * reach for share, reach in zip(drawn, strength, strict=True)
    )
    return Jitter(
        order=tuple(rng.permutation(4).tolist()),
        factors=(1 + brightness, 1 + contrast, 1 + saturation, hue),
    )


def apply_jitter(image: Image, jitter: Jitter) -> Image:
    """Apply drawn parameters to an Image: uint8 (H, W, 3)."""
    steps = [(step, jitter.factors[step]) for step in jitter.order]
    return apply_colour(image, steps)


def to_grey(image: Image) -> Image:
    """Replace colours by their ITU-R 601 grey: uint8 (H, W, 3)."""
    return apply_colour(image, [(GREY, 0.0)])


def apply_colour(image: Image, steps: Steps) -> Image:
    """Apply steps and their factors one after the other: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3).
        steps: BRIGHTNESS, CONTRAST, SATURATION, HUE or GREY (whose factor is not
            looked at), each with its factor.
    """
    return join(recolour(split(image), steps))


def recolour(planes: Planes, steps: Steps) -> Planes:
    """Apply steps as `apply_colour`, to the channels apart: uint8 (3, H, W)."""
    steps = [step for step in steps if not _is_neutral(*step)]
    if not steps:
        return planes
    kinds = np.array([kind for kind, _ in steps])
    factors = np.array([fixed_factor(*step) for step in steps], np.uint16)
    coloured = np.empty_like(planes)
    recolour_levels(planes.reshape(3, -1), kinds, factors, coloured.reshape(3, -1))
    return coloured


def _is_neutral(kind: int, factor: float) -> bool:
    return kind != GREY and factor == (0 if kind == HUE else 1)
