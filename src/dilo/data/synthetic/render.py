"""Put an object into a picture: size, place, turn, light, and exact coverage."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dilo.data.synthetic.drawing import Field, grid, mix
from dilo.data.synthetic.parts import Outline, Part, Plane, rotation

SAMPLES = 4  # coverage is counted on 4 x 4 samples a pixel
SUBPIXEL_BITS = 6  # cv2 takes corners in 1/64 of a sample

# Drawn shares of the picture. Long objects do not reach the largest and some are cut;
# what is seen covers 20 to 35 % on average.
AREA = (0.16, 0.46)
LARGEST = 1.02  # of the picture's width: a few objects reach over its edge
OVERHANG = 0.3  # of the object's extent may lie outside, but seldom does
# Objects outdoors are seldom as bright as toys.
MAX_FADING = 0.6  # towards grey
MAX_HAZE = 0.4  # towards the colour of haze
HAZE = np.full(3, 0.55, np.float32)


def render(
    parts: list[Part], size: int, max_turn: float, rng: np.random.Generator
) -> tuple[Field, Field]:
    """Draw the parts of one object somewhere in a picture of `size` pixels.

    Returns:
        Its colours, 0 to 255 (S, S, 3), and its coverage in [0, 1], (S, S), both 0
        where it does not reach.
    """
    matrix, shift = _place(parts, size, max_turn, rng)
    outlines = [part.outline @ matrix.T for part in parts]
    points = np.concatenate(outlines) + shift
    # A square that holds the object: to paint only there takes half the time.
    low = np.floor(points.min(axis=0)).clip(0, size - 1)
    high = np.ceil(points.max(axis=0)).clip(1, size)
    side = int((high - low).max())
    left, top = np.minimum(low, size - side).astype(int)
    shift = shift - (left, top)
    plane = _plane(matrix, shift, side)
    colour: Field = np.zeros((side, side, 3), np.float32)
    coverage: Field = np.zeros((side, side), np.float32)
    for part, outline in zip(parts, outlines, strict=True):
        cover = _coverage(outline + shift, side)
        # on the rim nothing lies behind yet that could show through
        share = np.where(coverage > 0, cover, cover > 0)
        colour = mix(colour, part.paint(plane), share)
        coverage = np.maximum(coverage, cover)
    grey = colour.mean(axis=2, keepdims=True)
    colour = mix(colour, grey, rng.uniform(0, MAX_FADING))
    colour = mix(colour, HAZE, rng.uniform(0, MAX_HAZE))
    colour = np.clip(colour * _light(coverage, rng)[..., None], 0, 1) * 255
    around = (top, size - top - side), (left, size - left - side)
    return np.pad(colour, (*around, (0, 0))), np.pad(coverage, around)


def _place(
    parts: list[Part], size: int, max_turn: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw size, aspect, shear, turn and position: pixel = matrix @ point + shift."""
    aspect = np.exp(rng.uniform(-0.15, 0.15))
    bend = np.array([[aspect, rng.uniform(-0.15, 0.15)], [0, 1 / aspect]])
    flip = np.diag([rng.choice([-1.0, 1.0]), 1.0])
    matrix = rotation(rng.uniform(-max_turn, max_turn)) @ bend @ flip
    points = np.concatenate([part.outline for part in parts]) @ matrix.T
    extent = points.max(axis=0) - points.min(axis=0)
    scale = np.sqrt(rng.uniform(*AREA) / _area(parts)) * size
    scale = min(scale, LARGEST * size / extent.max())
    outside = rng.uniform(0, OVERHANG) * extent * scale
    low = -points.min(axis=0) * scale - outside
    high = size - points.max(axis=0) * scale + outside
    return matrix * scale, rng.uniform(np.minimum(low, high), np.maximum(low, high))


def _plane(matrix: NDArray[np.float64], shift: NDArray[np.float64], size: int) -> Plane:
    """Find where each of (S, S) pixels lies in the object's plane."""
    inverse = np.linalg.inv(matrix).astype(np.float32)
    x, y = grid(size)
    x = x * np.float32(size) - np.float32(shift[0])
    y = y * np.float32(size) - np.float32(shift[1])
    return Plane(
        inverse[0, 0] * x + inverse[0, 1] * y,
        inverse[1, 0] * x + inverse[1, 1] * y,
        float(np.sqrt(abs(np.linalg.det(inverse)))),
    )


def _area(parts: list[Part]) -> float:
    """Area of the union of the parts in the object's plane, within a few per cent."""
    cells = 64
    canvas = np.zeros((cells, cells), np.uint8)
    for part in parts:
        corners = np.rint((part.outline + 1.3) * (cells / 2.6)).astype(np.int32)
        cv2.fillPoly(canvas, [corners], 1)
    return float(canvas.mean()) * 2.6**2


def _coverage(outline: Outline, size: int) -> Field:
    """The share of each pixel inside a polygon, (S, S)."""
    side = size * SAMPLES
    canvas = np.zeros((side, side), np.uint8)
    # cv2 puts integer coordinates on the centres of samples
    corners = (outline * SAMPLES - 0.5) * (1 << SUBPIXEL_BITS)
    corners = np.rint(corners).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, shift=SUBPIXEL_BITS)
    cover = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cover, np.float32) / np.float32(255)


def _light(coverage: Field, rng: np.random.Generator) -> Field:
    """Light from one side, darker towards the rim, as on a rounded body; (S, S)."""
    size = len(coverage)
    x, y = grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    slope = (x - 0.5) * np.float32(np.cos(angle)) + (y - 0.5) * np.float32(
        np.sin(angle)
    )
    blurred = cv2.GaussianBlur(
        coverage, (0, 0), 0.07 * size, borderType=cv2.BORDER_CONSTANT
    )
    depth = np.clip(np.asarray(blurred, np.float32) * 1.6 - 0.6, 0, 1)
    rim = np.float32(rng.uniform(0.1, 0.35))
    strength = np.float32(rng.uniform(0.1, 0.6))
    brightness = np.float32(rng.uniform(0.9, 1.12))
    return brightness * (1 - rim + rim * depth) * (1 + strength * slope)
