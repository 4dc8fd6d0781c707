"""Colours, and pictures made of them: palettes, blends, gradients."""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from dilo.data.synthetic.noise import Field

WHITE = np.full(3, 0.96, np.float32)
BLACK = np.array([0.07, 0.06, 0.07], np.float32)

HSV = tuple[float, float, float]  # hue in degrees, saturation, value


def mix(low: Field, high: Field, share: Field | float) -> Field:
    """Blend colours or pictures: `low` where share is 0, `high` where it is 1."""
    weight = np.asarray(share, np.float32)
    if weight.ndim == 2:  # numpy would take twice as long over weight[..., None]
        weight = np.asarray(cv2.merge((weight, weight, weight)), np.float32)
    return low + (high - low) * weight


def ramp(colours: Sequence[Field], position: Field) -> Field:
    """Colour each pixel of `position` in [0, 1] from evenly spaced colours."""
    stops = np.linspace(0, 1, len(colours), dtype=np.float32)
    table = np.stack(colours)
    channels = [np.interp(position, stops, table[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def colour(rng: np.random.Generator, hsv: HSV, spread: float = 12) -> Field:
    """Draw an RGB colour, (3,) in [0, 1], near hue, saturation and value."""
    hue = (hsv[0] + rng.uniform(-spread, spread)) / 360 % 1
    saturation = min(max(hsv[1] * rng.uniform(0.8, 1.2), 0), 1)
    value = min(max(hsv[2] * rng.uniform(0.85, 1.15), 0), 1)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32)


def pick(rng: np.random.Generator, *choices: HSV) -> HSV:
    """Draw one of several palettes."""
    return choices[int(rng.integers(len(choices)))]
