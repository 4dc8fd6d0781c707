"""Outlines of object parts: closed polygons, (K, 2) of x right and y down.

Objects are drawn in their own plane, where they fill about [-1, 1] both ways.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]  # (K, 2)

CORNERS = 48  # enough that a curve at 96 pixels shows no corners


def ellipse(
    centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0
) -> Outline:
    """An ellipse; `turn` is in degrees, clockwise on the screen."""
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    ring = np.stack([radii[0] * np.cos(angle), radii[1] * np.sin(angle)], axis=1)
    return ring @ _rotation(turn).T + np.asarray(centre)


def lobes(count: int, depth: float, sharpness: float = 1.0) -> Outline:
    """A star or flower of `count` arms; `depth` 0 is a circle, 1 reaches the centre.

    `sharpness` below 1 gives broad petals, above 1 thin arms.
    """
    angle = np.linspace(0, 2 * np.pi, 24 * count, endpoint=False)
    wave = (0.5 + 0.5 * np.cos(count * angle)) ** sharpness
    radius = 1 - depth + depth * wave
    return radius[:, None] * np.stack([np.sin(angle), -np.cos(angle)], axis=1)


def arc(
    centre: tuple[float, float],
    radius: float,
    thickness: float,
    span: tuple[float, float],
) -> Outline:
    """A thick arc between two angles in degrees, 0 to the right, clockwise."""
    angle = np.radians(np.linspace(*span, CORNERS // 2))
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    outer, inner = ray * (radius + thickness / 2), ray * (radius - thickness / 2)
    return np.concatenate([outer, inner[::-1]]) + np.asarray(centre)


def smooth(points: Sequence[tuple[float, float]] | Outline) -> Outline:
    """A closed curve that rounds the corners of a coarse polygon."""
    outline = np.asarray(points, np.float64)
    for _ in range(3):  # Chaikin: cut each corner at a quarter of its sides
        ahead = np.roll(outline, -1, axis=0)
        near, far = 0.75 * outline + 0.25 * ahead, 0.25 * outline + 0.75 * ahead
        outline = np.stack([near, far], axis=1).reshape(-1, 2)
    return outline


def polygon(points: Sequence[tuple[float, float]]) -> Outline:
    """A polygon with its corners as they are."""
    return np.asarray(points, np.float64)


def symmetric(half: Sequence[tuple[float, float]]) -> Outline:
    """A polygon from its right half, clockwise; points at x = 0 come once."""
    right = np.asarray(half, np.float64)
    return np.concatenate([right, mirrored(right[right[:, 0] > 0])[::-1]])


def mirrored(outline: Outline) -> Outline:
    """The same outline with left and right exchanged."""
    return outline * (-1, 1)


def turned(outline: Outline, degrees: float) -> Outline:
    """The same outline turned clockwise around the origin."""
    return outline @ _rotation(degrees).T


def _rotation(degrees: float) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])
