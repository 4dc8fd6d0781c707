"""Lay an image over a background through an alpha, in one compiled pass.

The alpha may have another size than the image: it is resampled bilinearly on the way,
so that nothing of the image's size is written but the result.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dilo.augment.box import Box
from dilo.augment.resample import Taps, crop_resize, mix
from dilo.image import Image, Map, resize


def composite(image: Image, alpha: Map, background: Image) -> Image:
    """Lay `image` over `background` with weights `alpha`: uint8 (H, W, 3).

    Args:
        image: the foreground, uint8 (H, W, 3).
        alpha: float32 (H, W) in [0, 1]; 1 shows `image`, 0 shows `background`.
        background: uint8 (H, W, 3).

    Source: paper, section 5.2: the saliency map is a soft alpha, not a cut-out.
    """
    result = np.empty(image.shape, np.uint8)
    over, weights, under = map(np.ascontiguousarray, (image, alpha, background))
    _lay(over.reshape(-1), weights.reshape(-1), under.reshape(-1), result.reshape(-1))
    return result


def composite_view(
    view: Image, alpha: Map, shape: tuple[int, int], box: Box, background: Image
) -> Image:
    """Lay a view over a background, with the alpha of the whole image.

    Args:
        view: what the box shows, scaled to any size, uint8 (S, T, 3).
        alpha: of the whole image, float32 of any size in [0, 1].
        shape: height and width of the image.
        box: in pixels of the image; where it lies outside, the background shows.
        background: uint8 (S, T, 3).
    """
    return composite(view, view_alpha(alpha, shape, box, view.shape), background)


def view_alpha(
    alpha: Map, shape: tuple[int, int], box: Box, view_shape: tuple[int, ...]
) -> Map:
    """Give what a view shows of an alpha, with 0 beyond the image: float32 (S, T)."""
    height, width = view_shape[:2]
    if alpha.shape == shape and height == width and _lies_inside(box, shape):
        # As the view itself was scaled, so that both have the same edges.
        return crop_resize(alpha, box, height)
    # Pixels of the alpha for one of the view; bilinear sampling would pass over some.
    steps = (
        box.height / height * (alpha.shape[0] / shape[0]),
        box.width / width * (alpha.shape[1] / shape[1]),
    )
    if max(steps) > 1:
        sizes = zip(alpha.shape, steps, strict=True)
        alpha = resize(alpha, *(math.ceil(size / max(1, step)) for size, step in sizes))
    rows, columns = sample_places(alpha.shape, shape, box, view_shape)
    return mix(
        alpha, _neighbours(rows, len(alpha)), _neighbours(columns, alpha.shape[1])
    )


def sample_places(
    alpha_shape: tuple[int, ...],
    shape: tuple[int, int],
    box: Box,
    view_shape: tuple[int, ...],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Say where the rows (S,) and columns (T,) of a view lie in a map, in its pixels.

    Pixels are areas: the centre of the first one lies half a pixel from the edge.
    """
    spans = ((box.top, box.height), (box.left, box.width))
    places = []
    for axis, (start, length) in enumerate(spans):
        count = view_shape[axis]
        centres = start + (np.arange(count) + 0.5) * (length / count)
        places.append(centres * (alpha_shape[axis] / shape[axis]) - 0.5)
    return places[0].astype(np.float32), places[1].astype(np.float32)


def _lies_inside(box: Box, shape: tuple[int, int]) -> bool:
    bottom, right = box.top + box.height, box.left + box.width
    return min(box.top, box.left) >= 0 and bottom <= shape[0] and right <= shape[1]


def _neighbours(places: NDArray[np.float32], length: int) -> Taps:
    """Weigh the two pixels around each place in a map; 0 beyond the map."""
    first = np.empty(len(places), np.int64)
    weights = np.empty((len(places), min(2, length)), np.float32)
    _weigh(places, length, first, weights)
    return first, weights


@njit(cache=True, nogil=True)
def _weigh(
    places: NDArray[np.float32],
    length: int,
    first: NDArray[np.int64],
    weights: NDArray[np.float32],
) -> None:
    count = weights.shape[1]
    for i in range(len(places)):
        place = places[i]
        inside = np.float32(place >= -0.5 and place <= length - 0.5)
        within = min(max(place, np.float32(0)), np.float32(length - 1))
        first[i] = min(int(within), length - count)
        part = within - np.float32(first[i])
        weights[i, 0] = inside * (np.float32(1) - part)
        if count == 2:
            weights[i, 1] = inside * part


@njit(cache=True, nogil=True)
def _lay(
    image: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    background: NDArray[np.uint8],
    result: NDArray[np.uint8],
) -> None:
    """Composite flat arrays, three levels a pixel; unsigned indices make vectors."""
    for i in range(np.uint64(len(alpha))):
        for c in range(np.uint64(3)):
            place = i * np.uint64(3) + c
            under = np.float32(background[place])
            level = under + alpha[i] * (np.float32(image[place]) - under)
            result[place] = np.uint8(np.int32(np.rint(level)))
