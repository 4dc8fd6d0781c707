"""Surface patterns of objects, painted in the object's own plane.

A pattern is made once with its random numbers and then called with a `Plane`, so that
it turns and bends with the object. Edges are one pixel soft: no jags at any size.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dilo.data.synthetic.colours import mix, ramp
from dilo.data.synthetic.noise import Field, step, voronoi
from dilo.data.synthetic.shapes import Outline


class Plane(NamedTuple):
    """Where each pixel lies on the object: x right and y down, in [-1, 1] on it."""

    x: Field
    y: Field
    pixel: float  # the width of one pixel in these units


Paint = Callable[[Plane], Field]  # gives (S, S, 3), or a colour (3,) for all


class Part(NamedTuple):
    """One piece of an object, drawn over the pieces before it."""

    outline: Outline
    paint: Paint


def plain(base: Field) -> Paint:
    """One colour."""
    return lambda plane: base


def fade(top: Field, bottom: Field) -> Paint:
    """From one colour at the top to another at the bottom."""
    return lambda plane: ramp([top, bottom], 0.5 + 0.5 * plane.y)


def spots(
    base: Paint, spot: Field, centres: Sequence[tuple[float, float]], radius: float
) -> Paint:
    """Round spots at given centres."""

    def paint(plane: Plane) -> Field:
        nearest = np.full(plane.x.shape, 9, np.float32)
        for x, y in centres:
            nearest = np.minimum(nearest, np.hypot(plane.x - x, plane.y - y))
        return mix(base(plane), spot, step(radius - nearest, 1.5 * plane.pixel))

    return paint


def stripes(
    base: Paint, stripe: Field, turns: float, phase: float, share: float = 0.5
) -> Paint:
    """Bands across the object, slightly curved; `turns` of them for each unit of y."""

    def paint(plane: Plane) -> Field:
        along = plane.y + 0.12 * plane.x * plane.x
        wave = np.abs((along * turns + phase) % 1 - 0.5) * 2
        band = step(wave - (1 - share), 3 * plane.pixel * turns)
        return mix(base(plane), stripe, band)

    return paint


def lattice(base: Paint, line: Field, turns: float, thickness: float) -> Paint:
    """Two sets of slanted lines that cross in diamonds."""

    def paint(plane: Plane) -> Field:
        first = np.abs(((plane.x + plane.y) * turns) % 1 - 0.5)
        second = np.abs(((plane.x - plane.y) * turns) % 1 - 0.5)
        gap = np.minimum(first, second)
        return mix(base(plane), line, step(thickness - gap, 2 * plane.pixel * turns))

    return paint


def plaid(colours: Sequence[Field], turns: float, phase: float) -> Paint:
    """Broad translucent bands both ways, darkest where they cross, with thin lines."""

    def paint(plane: Plane) -> Field:
        soft = 2 * plane.pixel * turns
        picture = np.broadcast_to(colours[0], (*plane.x.shape, 3))
        for along in (plane.x, plane.y):
            cell = (along * turns + phase) % 1
            broad = step(0.25 - np.abs(cell - 0.5), soft)
            thin = step(0.07 - np.minimum(cell, 1 - cell), soft)
            picture = mix(picture, colours[1], broad * np.float32(0.55))
            picture = mix(picture, colours[2], thin * np.float32(0.8))
        return picture

    return paint


def mosaic(
    rng: np.random.Generator, colours: Sequence[Field], line: Field, turns: float
) -> Paint:
    """Irregular plates with seams between them."""
    seed = int(rng.integers(2**32))

    def paint(plane: Plane) -> Field:
        own = np.random.default_rng(seed)  # the same plates at every call
        wall, tone = voronoi(own, plane.x * turns, plane.y * turns)
        seam = step(0.07 - wall, 1.5 * plane.pixel * turns)
        return mix(ramp(colours, tone), line, seam)

    return paint


def scales(base: Paint, rim: Field, turns: float) -> Paint:
    """Rows of overlapping scales or feathers with darker rims."""

    def paint(plane: Plane) -> Field:
        row = np.floor(plane.y * turns)
        x = (plane.x * turns + 0.5 * (row % 2)) % 1 - 0.5
        y = plane.y * turns - row
        bow = np.hypot(x, y * 0.9)
        return mix(base(plane), rim, step(np.abs(bow - 0.75) * -1 + 0.25, 0.4))

    return paint


def gores(colours: Sequence[Field], count: int, bulge: float) -> Paint:
    """Segments from pole to pole of a ball, in turn in each colour."""
    table = np.stack(colours)

    def paint(plane: Plane) -> Field:
        half = np.sqrt(np.maximum(1 - (plane.y - bulge) ** 2, 0.05))
        along = np.clip(plane.x / half, -0.98, 0.98)
        around = np.arcsin(along) * np.float32(count / np.pi)
        number = np.floor(around).astype(np.int32)
        beyond = around - number - 0.5  # -0.5 and 0.5 on the seams
        width = 1.5 * plane.pixel * count / np.pi / (half * np.sqrt(1 - along * along))
        own = np.clip(0.5 + (0.5 - np.abs(beyond)) / width, 0.5, 1)
        beside = np.where(beyond > 0, number + 1, number - 1)
        return mix(table[beside % len(table)], table[number % len(table)], own)

    return paint


def spiral(base: Field, line: Field, turns: float, phase: float) -> Paint:
    """A line that winds outwards from the origin."""

    def paint(plane: Plane) -> Field:
        radius = np.hypot(plane.x, plane.y)
        angle = np.arctan2(plane.y, plane.x) / np.float32(2 * np.pi)
        wind = (radius * turns - angle + phase) % 1
        shell = mix(base, np.clip(base * 1.35, 0, 1), wind)
        gap = np.minimum(wind, 1 - wind)
        return mix(shell, line, step(0.14 - gap, 2.5 * plane.pixel * turns))

    return paint


def rays(base: Field, inner: Field, count: int, strength: float) -> Paint:
    """Streaks from the centre outwards, and another colour near the centre."""

    def paint(plane: Plane) -> Field:
        radius = np.hypot(plane.x, plane.y)
        angle = np.arctan2(plane.x, -plane.y)
        streak = (0.5 + 0.5 * np.cos(count * angle)) * np.float32(strength)
        share = np.clip(1.15 - 1.3 * radius, 0, 1) + streak * (1 - radius)
        return mix(base, inner, np.clip(share, 0, 1))

    return paint


def rings(
    centre: tuple[float, float],
    radii: Sequence[float],
    paints: Sequence[Field],
    base: Paint,
) -> Paint:
    """Discs within discs, the largest first: an eye, or the eyespot of a wing."""

    def paint(plane: Plane) -> Field:
        picture = base(plane)
        distance = np.hypot(plane.x - centre[0], plane.y - centre[1])
        for radius, tone in zip(radii, paints, strict=True):
            picture = mix(picture, tone, step(radius - distance, 1.5 * plane.pixel))
        return picture

    return paint
