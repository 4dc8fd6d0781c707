"""Fill a picture's gaps, and cover an area with pieces of a picture."""

from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from dilo.image import Image, Map, resize

Floats = NDArray[np.float32]
Pixels = TypeVar("Pixels", Image, Map)

LEAST_STRIP = 1 / 16  # of a side; a thinner strip of background shows nothing


def cut_box(
    rng: np.random.Generator, shape: tuple[int, ...], height: int, width: int
) -> tuple[slice, slice]:
    """Draw a part of a picture that has the aspect height : width.

    It has from half to all of the side of the largest such part.
    """
    scale = min(shape[0] / height, shape[1] / width) * rng.uniform(0.5, 1.0)
    rows = min(shape[0], max(1, round(height * scale)))
    columns = min(shape[1], max(1, round(width * scale)))
    top = int(rng.integers(shape[0] - rows + 1))
    left = int(rng.integers(shape[1] - columns + 1))
    return slice(top, top + rows), slice(left, left + columns)


def cut(rng: np.random.Generator, picture: Image, height: int, width: int) -> Image:
    """Fill height x width with a random part of a picture, mirrored half the time."""
    part = resize(picture[cut_box(rng, picture.shape, height, width)], height, width)
    return part[:, ::-1] if rng.random() < 0.5 else part


def tile_mirrored(
    rng: np.random.Generator, piece: Image, height: int, width: int
) -> Image:
    """Cover height x width with a piece and its mirror images, from a random place."""
    rows = _mirrored_places(rng, piece.shape[0], height)
    columns = _mirrored_places(rng, piece.shape[1], width)
    return piece[np.ix_(rows, columns)]


def border_strip(alpha: Map) -> tuple[float, float, float, float]:
    """Find the largest strip beside the object: top, bottom, left, right in [0, 1].

    Of an object that leaves no strip of a sixteenth of a side, the border itself is
    taken where it holds the least of it.
    """
    rows = np.flatnonzero(alpha.max(axis=1) > 0.5)
    columns = np.flatnonzero(alpha.max(axis=0) > 0.5)
    if not len(rows):
        return 0.0, 1.0, 0.0, 1.0
    height, width = alpha.shape
    free = {
        (0.0, rows[0] / height, 0.0, 1.0): rows[0] / height,
        ((rows[-1] + 1) / height, 1.0, 0.0, 1.0): 1 - (rows[-1] + 1) / height,
        (0.0, 1.0, 0.0, columns[0] / width): columns[0] / width,
        (0.0, 1.0, (columns[-1] + 1) / width, 1.0): 1 - (columns[-1] + 1) / width,
    }
    strip, share = max(free.items(), key=lambda item: item[1])
    if share >= LEAST_STRIP:
        return strip
    thin = LEAST_STRIP
    frame = (
        (0.0, thin, 0.0, 1.0),
        (1 - thin, 1.0, 0.0, 1.0),
        (0.0, 1.0, 0.0, thin),
        (0.0, 1.0, 1 - thin, 1.0),
    )
    return min(
        frame, key=lambda part: float(alpha[whole_pixels(part, *alpha.shape)].mean())
    )


def whole_pixels(
    part: tuple[float, float, float, float], height: int, width: int
) -> tuple[slice, slice]:
    """Turn top, bottom, left, right in [0, 1] into pixels, at least one."""
    top = min(int(np.ceil(part[0] * height)), height - 1)
    left = min(int(np.ceil(part[2] * width)), width - 1)
    bottom = max(top + 1, int(part[1] * height))
    right = max(left + 1, int(part[3] * width))
    return slice(top, bottom), slice(left, right)


def paint_out(image: Image, alpha: Map) -> Image:
    """Replace what `alpha` covers by colours from around it: uint8 (H, W, 3).

    Colours are averaged over areas that double until every gap is filled (pull-push).
    Any alpha above 0 counts as covered: half an object would still be one.

    Source: Gortler et al., "The lumigraph", SIGGRAPH 1996, section 3.4.
    """
    # A little wider: the outline of an object is in the pixels just outside of it.
    reach = max(3, round(0.03 * min(alpha.shape)) | 1)
    known = 1 - cv2.dilate((alpha > 0).astype(np.float32), np.ones((reach, reach)))
    if not known.any():
        return np.full_like(image, np.rint(image.mean(axis=(0, 1))).astype(np.uint8))
    filled = _pull_push(image.astype(np.float32), np.asarray(known, np.float32))
    return np.rint(filled).clip(0, 255).astype(np.uint8)


def _pull_push(colours: Floats, known: Floats) -> Floats:
    """Fill (H, W, 3) where `known`, (H, W) in [0, 1], is below 1."""
    weight = known[..., np.newaxis]
    height, width = known.shape
    if known.all() or max(height, width) == 1:
        return colours
    size = ((width + 1) // 2, (height + 1) // 2)
    less = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(colours * weight, size, interpolation=cv2.INTER_AREA)
    means = sums / np.maximum(less, 1e-6)[..., np.newaxis]
    coarse = _pull_push(means.astype(np.float32), np.minimum(1, 2 * less))
    around = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return cast(Floats, around + weight * (colours - around))


def _mirrored_places(
    rng: np.random.Generator, period: int, count: int
) -> NDArray[np.int64]:
    place = (int(rng.integers(2 * period)) + np.arange(count)) % (2 * period)
    return np.minimum(place, 2 * period - 1 - place)
