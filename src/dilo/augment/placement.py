"""Where the pasted object stands: in place, moved, and how much of it a crop shows."""

from collections.abc import Callable
from typing import cast

import cv2
import numpy as np

from dilo.augment.box import Box
from dilo.augment.planes import join
from dilo.augment.resample import scale_planes
from dilo.image import Image, Map

CROP_TRIES = 20  # boxes drawn for one that shows enough of the object


def move_box(
    rng: np.random.Generator,
    box: Box,
    anchor: tuple[float, float],
    shift: float,
    max_scale: float,
) -> Box:
    """Give the box that shows the object moved and scaled; it may leave the image.

    What lies at `anchor` grows by a factor of 1 / max_scale to max_scale, even in its
    logarithm, and moves by up to `shift` of the view's side, in each direction.

    Args:
        rng: the view's own stream.
        box: what the view shows of the image.
        anchor: row and column around which is scaled, in pixels of the image.
        shift: share of the box's sides.
        max_scale: at least 1.
    """
    factor = np.exp(rng.uniform(-1, 1) * np.log(max_scale))
    rows, columns = rng.uniform(-shift, shift, size=2)
    height, width = box.height / factor, box.width / factor
    top = anchor[0] - (anchor[0] - box.top) / factor - rows * height
    left = anchor[1] - (anchor[1] - box.left) / factor - columns * width
    return Box(
        top=round(top),
        left=round(left),
        height=max(1, round(height)),
        width=max(1, round(width)),
    )


def show_box(image: Image, box: Box, height: int, width: int) -> Image:
    """Scale what a box shows to a size; beyond the image its edge goes on."""
    rows, above = _inside(box.top, box.height, image.shape[0])
    columns, left = _inside(box.left, box.width, image.shape[1])
    shown = image[rows, columns]
    if any(above + left):
        # Padded and scaled by the filter of all views, it is as sharp as they are.
        shown = cast(
            Image, cv2.copyMakeBorder(shown, *above, *left, cv2.BORDER_REPLICATE)
        )
    whole = Box(top=0, left=0, height=box.height, width=box.width)
    return join(scale_planes(shown, whole, height, width))


def centre_of(alpha: Map, shape: tuple[int, int]) -> tuple[float, float]:
    """Find the object's centre of mass: row and column in pixels of the image."""
    total = float(alpha.sum())
    if total == 0:
        return shape[0] / 2, shape[1] / 2
    rows, columns = alpha.sum(axis=1), alpha.sum(axis=0)
    row = float(rows @ (np.arange(len(rows)) + 0.5)) / total
    column = float(columns @ (np.arange(len(columns)) + 0.5)) / total
    return row * shape[0] / alpha.shape[0], column * shape[1] / alpha.shape[1]


def cover(alpha: Map, shape: tuple[int, int], box: Box) -> float:
    """Tell how much of the object a box shows, in [0, 1]; 1 if there is none.

    Args:
        alpha: of the whole image, float32 of any size.
        shape: height and width of the image.
        box: in pixels of the image.
    """
    total = float(alpha.sum())
    if total == 0:
        return 1.0
    rows = _overlap(box.top, box.height, shape[0], alpha.shape[0])
    columns = _overlap(box.left, box.width, shape[1], alpha.shape[1])
    return min(1.0, float(rows @ alpha @ columns) / total)


def draw_covering(
    draw: Callable[[], Box], alpha: Map, shape: tuple[int, int], min_cover: float
) -> Box:
    """Draw boxes until one shows `min_cover` of the object.

    If none of twenty does, the one that shows most is taken: an object wider than any
    crop cannot be shown more of.

    Source: Selvaraju et al., "CASTing your model: learning to localize improves
    self-supervised representations", CVPR 2021, section 3.1: 0.2 there.
    """
    best, most = draw(), -1.0
    box = best
    for _ in range(CROP_TRIES):
        shown = cover(alpha, shape, box)
        if shown >= min_cover:
            return box
        if shown > most:
            best, most = box, shown
        box = draw()
    return best


def _overlap(start: int, length: int, size: int, cells: int) -> Map:
    """Share of each cell that [start, start + length) of `size` pixels covers."""
    edges = np.arange(cells + 1) * (size / cells)
    inside = np.minimum(edges[1:], start + length) - np.maximum(edges[:-1], start)
    return (inside.clip(0) * (cells / size)).astype(np.float32)


def _inside(start: int, length: int, size: int) -> tuple[slice, tuple[int, int]]:
    """Say which of `size` pixels lie in a span, and how many it has on both sides.

    Of a span beside them, the pixel that is nearest is taken.
    """
    first, last = min(max(start, 0), size - 1), max(min(start + length, size), 1)
    before = max(0, min(-start, length - 1))
    return slice(first, last), (before, length - before - (last - first))
