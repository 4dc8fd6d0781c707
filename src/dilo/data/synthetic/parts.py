"""Parts of objects: outlines, and surface patterns painted in the object's own plane.

Outlines are closed polygons, (K, 2) of x right and y down; objects fill about [-1, 1]
both ways. A pattern is made once with its random numbers and then called with a
`Plane`, so that it turns and bends with the object. Edges are one pixel soft: no jags
at any size.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Concatenate, NamedTuple, ParamSpec

import numpy as np
from numpy.typing import NDArray

from dilo.data.synthetic.drawing import Field, mix, ramp, step, voronoi

CORNERS = 48  # enough that a curve at 96 pixels shows no corners

Outline = NDArray[np.float64]  # (K, 2)
Point = tuple[float, float]
P = ParamSpec("P")


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


def ellipse(centre: Point, radii: Point, turn: float = 0.0) -> Outline:
    """An ellipse; `turn` is in degrees, clockwise on the screen."""
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    ring = np.stack([radii[0] * np.cos(angle), radii[1] * np.sin(angle)], axis=1)
    return turned(ring, turn) + np.asarray(centre)


def lobes(count: int, depth: float, sharpness: float = 1.0) -> Outline:
    """A star or flower of `count` arms; `depth` 0 is a circle, 1 reaches the centre.

    `sharpness` below 1 gives broad petals, above 1 thin arms.
    """
    angle = np.linspace(0, 2 * np.pi, 24 * count, endpoint=False)
    wave = (0.5 + 0.5 * np.cos(count * angle)) ** sharpness
    radius = 1 - depth + depth * wave
    return radius[:, None] * np.stack([np.sin(angle), -np.cos(angle)], axis=1)


def arc(centre: Point, radius: float, thickness: float, span: Point) -> Outline:
    """A thick arc between two angles in degrees, 0 to the right, clockwise."""
    angle = np.radians(np.linspace(*span, CORNERS // 2))
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    outer, inner = ray * (radius + thickness / 2), ray * (radius - thickness / 2)
    return np.concatenate([outer, inner[::-1]]) + np.asarray(centre)


def smooth(points: Sequence[Point] | Outline) -> Outline:
    """A closed curve that rounds the corners of a coarse polygon."""
    outline = np.asarray(points, np.float64)
    for _ in range(3):  # Chaikin: cut each corner at a quarter of its sides
        ahead = np.roll(outline, -1, axis=0)
        near, far = 0.75 * outline + 0.25 * ahead, 0.25 * outline + 0.75 * ahead
        outline = np.stack([near, far], axis=1).reshape(-1, 2)
    return outline


def symmetric(half: Sequence[Point]) -> Outline:
    """A polygon from its right half, clockwise; points at x = 0 come once."""
    right = np.asarray(half, np.float64)
    return np.concatenate([right, mirrored(right[right[:, 0] > 0])[::-1]])


def mirrored(outline: Outline) -> Outline:
    """The same outline with left and right exchanged."""
    return outline * (-1, 1)


def turned(outline: Outline, degrees: float) -> Outline:
    """The same outline turned clockwise around the origin."""
    return outline @ rotation(degrees).T


def rotation(degrees: float) -> NDArray[np.float64]:
    """The matrix (2, 2) that turns points clockwise on the screen."""
    angle = np.radians(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def pattern(paint: Callable[Concatenate[Plane, P], Field]) -> Callable[P, Paint]:
    """Let a pattern be made from all but its plane, and called with that later."""

    @functools.wraps(paint)
    def make(*args: P.args, **kwargs: P.kwargs) -> Paint:
        return lambda plane: paint(plane, *args, **kwargs)

    return make


@pattern
def plain(plane: Plane, base: Field) -> Field:
    """One colour."""
    return base


@pattern
def fade(plane: Plane, top: Field, bottom: Field) -> Field:
    """From one colour at the top to another at the bottom."""
    return ramp([top, bottom], 0.5 + 0.5 * plane.y)


@pattern
def spots(
    plane: Plane, base: Paint, spot: Field, centres: Sequence[Point], radius: float
) -> Field:
    """Round spots at given centres."""
    nearest = np.full(plane.x.shape, 9, np.float32)
    for x, y in centres:
        nearest = np.minimum(nearest, np.hypot(plane.x - x, plane.y - y))
    return mix(base(plane), spot, step(radius - nearest, 1.5 * plane.pixel))


@pattern
def stripes(
    plane: Plane, base: Paint, stripe: Field, turns: float, phase: float, share: float
) -> Field:
    """Bands across the object, slightly curved; `turns` of them for each unit of y."""
    along = plane.y + 0.12 * plane.x * plane.x
    wave = np.abs((along * turns + phase) % 1 - 0.5) * 2
    band = step(wave - (1 - share), 3 * plane.pixel * turns)
    return mix(base(plane), stripe, band)


@pattern
def lattice(
    plane: Plane, base: Paint, line: Field, turns: float, thickness: float
) -> Field:
    """Two sets of slanted lines that cross in diamonds."""
    first = np.abs(((plane.x + plane.y) * turns) % 1 - 0.5)
    second = np.abs(((plane.x - plane.y) * turns) % 1 - 0.5)
    gap = np.minimum(first, second)
    return mix(base(plane), line, step(thickness - gap, 2 * plane.pixel * turns))


@pattern
def plaid(plane: Plane, colours: Sequence[Field], turns: float, phase: float) -> Field:
    """Broad translucent bands both ways, darkest where they cross, with thin lines."""
    soft = 2 * plane.pixel * turns
    picture = np.broadcast_to(colours[0], (*plane.x.shape, 3))
    for along in (plane.x, plane.y):
        cell = (along * turns + phase) % 1
        broad = step(0.25 - np.abs(cell - 0.5), soft)
        thin = step(0.07 - np.minimum(cell, 1 - cell), soft)
        picture = mix(picture, colours[1], broad * np.float32(0.55))
        picture = mix(picture, colours[2], thin * np.float32(0.8))
    return picture


@pattern
def mosaic(
    plane: Plane, colours: Sequence[Field], line: Field, turns: float, seed: int
) -> Field:
    """Irregular plates with seams between them; `seed` decides the plates."""
    rng = np.random.default_rng(seed)
    wall, tone = voronoi(rng, plane.x * turns, plane.y * turns)
    seam = step(0.07 - wall, 1.5 * plane.pixel * turns)
    return mix(ramp(colours, tone), line, seam)


@pattern
def scales(plane: Plane, base: Paint, rim: Field, turns: float) -> Field:
    """Rows of overlapping scales or feathers with darker rims."""
    row = np.floor(plane.y * turns)
    x = (plane.x * turns + 0.5 * (row % 2)) % 1 - 0.5
    y = plane.y * turns - row
    bow = np.hypot(x, y * 0.9)
    return mix(base(plane), rim, step(np.abs(bow - 0.75) * -1 + 0.25, 0.4))


@pattern
def gores(plane: Plane, colours: Sequence[Field], count: int, bulge: float) -> Field:
    """Segments from pole to pole of a ball, in turn in each colour."""
    table = np.stack(colours)
    half = np.sqrt(np.maximum(1 - (plane.y - bulge) ** 2, 0.05))
    along = np.clip(plane.x / half, -0.98, 0.98)
    around = np.arcsin(along) * np.float32(count / np.pi)
    number = np.floor(around).astype(np.int32)
    beyond = around - number - 0.5  # -0.5 and 0.5 on the seams
    width = 1.5 * plane.pixel * count / np.pi / (half * np.sqrt(1 - along * along))
    own = np.clip(0.5 + (0.5 - np.abs(beyond)) / width, 0.5, 1)
    beside = np.where(beyond > 0, number + 1, number - 1)
    return mix(table[beside % len(table)], table[number % len(table)], own)


@pattern
def spiral(plane: Plane, base: Field, line: Field, turns: float, phase: float) -> Field:
    """A line that winds outwards from the origin."""
    radius = np.hypot(plane.x, plane.y)
    angle = np.arctan2(plane.y, plane.x) / np.float32(2 * np.pi)
    wind = (radius * turns - angle + phase) % 1
    shell = mix(base, np.clip(base * 1.35, 0, 1), wind)
    gap = np.minimum(wind, 1 - wind)
    return mix(shell, line, step(0.14 - gap, 2.5 * plane.pixel * turns))


@pattern
def rays(plane: Plane, base: Field, inner: Field, count: int, strength: float) -> Field:
    """Streaks from the centre outwards, and another colour near the centre."""
    radius = np.hypot(plane.x, plane.y)
    angle = np.arctan2(plane.x, -plane.y)
    streak = (0.5 + 0.5 * np.cos(count * angle)) * np.float32(strength)
    share = np.clip(1.15 - 1.3 * radius, 0, 1) + streak * (1 - radius)
    return mix(base, inner, np.clip(share, 0, 1))


@pattern
def rings(
    plane: Plane,
    centre: Point,
    radii: Sequence[float],
    tones: Sequence[Field],
    base: Paint,
) -> Field:
    """Discs within discs, the largest first: an eye, or the eyespot of a wing."""
    picture = base(plane)
    distance = np.hypot(plane.x - centre[0], plane.y - centre[1])
    for radius, tone in zip(radii, tones, strict=True):
        picture = mix(picture, tone, step(radius - distance, 1.5 * plane.pixel))
    return picture
