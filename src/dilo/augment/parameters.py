"""What is random in a view: its box, the paste, colours, blur and flip.

A view's parameters come from its own random stream, so that what an image becomes
depends on (seed, epoch, index) alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dilo.augment.alpha import map_to_alpha
from dilo.augment.chain import ViewConfig
from dilo.augment.color_jitter import GREY, draw_jitter
from dilo.augment.copy_paste import CopyPasteConfig, paste_probability
from dilo.augment.crop import Box
from dilo.errors import InputError
from dilo.image import Map

# Test images are reduced to 256 and cropped to 224: the same ratio at every size.
TEST_RESIZE = 256 / 224

CROP_TRIES = 20  # boxes drawn for one that shows enough of the object

# Whether a view is pasted, and the seed of the background, of the blending, and of
# crops that must show the object.
Paste = tuple[bool, int]


@dataclass(frozen=True, kw_only=True)
class ViewParameters:
    """What was drawn for one view."""

    box: Box
    paste_seed: int | None  # of the background and the blending; None keeps the image
    colour: tuple[tuple[int, float], ...]  # steps of `color_jitter` with their factors
    blur: float  # sigma in pixels; 0 does not blur
    flip: bool


def view_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Give sample `index` of `epoch` its own stream, whatever the worker count."""
    return np.random.default_rng((seed, epoch, index))


def draw_paste(
    rng: np.random.Generator, config: CopyPasteConfig, progress: float = 1.0
) -> Paste:
    """Draw whether a view is pasted, and so whether its map is needed at all.

    Drawn whether or not there is a map: with and without masks, the same image gets
    the same crop, colours and flip, so that runs differ in the pasting alone.
    """
    return rng.random() < paste_probability(config, progress), int(rng.integers(2**63))


def draw_view(
    shape: tuple[int, int],
    config: ViewConfig,
    rng: np.random.Generator,
    progress: float = 1.0,
    saliency: Map | None = None,
    paste: Paste | None = None,
) -> ViewParameters:
    """Draw the parameters of one view.

    Args:
        shape: height and width of the image.
        config: the chain.
        rng: the sample's own stream.
        progress: share of the training that is over, for a probability that rises.
        saliency: as for `apply_view`, for crops that must show some of the object.
        paste: what `draw_paste` gave for the view before; else it is drawn first.

    Raises:
        InputError: `shape` holds no pixel, or `saliency` is no map.
    """
    if min(shape) < 1:
        raise InputError(f"an image has at least one pixel, got shape {shape}")
    pasted, seed = paste or draw_paste(rng, config.copy_paste, progress)
    box = draw_crop(rng, shape, config)
    colour: list[tuple[int, float]] = []
    grey = [(GREY, 0.0)] if rng.random() < config.grey_probability else []
    if rng.random() < config.jitter_probability:
        colour = draw_jitter(rng, config.jitter)
    flip = rng.random() < config.flip_probability
    blur = 0.0
    if config.blur_probability and rng.random() < config.blur_probability:
        blur = _between(rng, *config.blur_sigma)
    if saliency is not None and config.copy_paste.min_cover > 0:
        box = _show_object(box, shape, config, saliency, seed)
    return ViewParameters(
        box=box,
        paste_seed=seed if pasted else None,
        colour=tuple(colour + grey if config.grey_last else grey + colour),
        blur=blur,
        flip=flip,
    )


def draw_crop(
    rng: np.random.Generator, shape: tuple[int, int], config: ViewConfig
) -> Box:
    """Draw the box of a view by the config's kind of crop."""
    if config.crop == "scale":
        return _draw_scale_crop(rng, *shape, config)
    centre = centre_crop(*shape)
    if config.crop == "centre":
        return centre
    top = int(rng.integers(shape[0] - centre.height + 1))
    left = int(rng.integers(shape[1] - centre.width + 1))
    return Box(top=top, left=left, height=centre.height, width=centre.width)


def centre_crop(height: int, width: int) -> Box:
    """Give the central square of the test view."""
    side = max(1, round(min(height, width) / TEST_RESIZE))
    top, left = (height - side) // 2, (width - side) // 2
    return Box(top=top, left=left, height=side, width=side)


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


def cover(alpha: Map, shape: tuple[int, int], box: Box) -> float:
    """Compute how much of the object a box shows, in [0, 1]; 1 if there is none.

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


def move_box(
    rng: np.random.Generator,
    box: Box,
    alpha: Map,
    shape: tuple[int, int],
    config: CopyPasteConfig,
) -> Box:
    """Draw the box that shows the object moved and scaled; it may leave the image.

    The object's centre of mass stays, and it grows by a factor of 1 / max_scale to
    max_scale, even in its logarithm; then it moves by up to `shift` of the view's side,
    in each direction.

    Args:
        rng: the paste's own stream.
        box: what the view shows of the image.
        alpha: of the whole image, float32 of any size.
        shape: height and width of the image.
        config: `shift` and `max_scale`.
    """
    factor = np.exp(rng.uniform(-1, 1) * np.log(config.max_scale))
    rows, columns = rng.uniform(-config.shift, config.shift, size=2)
    row, column = centre_of(alpha, shape)
    height, width = box.height / factor, box.width / factor
    return Box(
        top=round(row - (row - box.top) / factor - rows * height),
        left=round(column - (column - box.left) / factor - columns * width),
        height=max(1, round(height)),
        width=max(1, round(width)),
    )


def centre_of(alpha: Map, shape: tuple[int, int]) -> tuple[float, float]:
    """Find the object's centre of mass: row and column in pixels of the image."""
    total = float(alpha.sum())
    if total == 0:
        return shape[0] / 2, shape[1] / 2
    rows, columns = alpha.sum(axis=1), alpha.sum(axis=0)
    row = float(rows @ (np.arange(len(rows)) + 0.5)) / total
    column = float(columns @ (np.arange(len(columns)) + 0.5)) / total
    return row * shape[0] / alpha.shape[0], column * shape[1] / alpha.shape[1]


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw evenly between two numbers: `rng.uniform`, in a third of its time."""
    return low + (high - low) * rng.random()


def _draw_scale_crop(
    rng: np.random.Generator, height: int, width: int, config: ViewConfig
) -> Box:
    """Draw a box of random area and aspect, uniform in area and in log aspect.

    Ten boxes are tried; if none fits, which happens to very long images, the largest
    central box of an allowed aspect is taken.
    """
    log_aspect = math.log(config.max_aspect)
    for _ in range(10):
        area = height * width * _between(rng, config.min_area, 1.0)
        aspect = math.exp(_between(rng, -log_aspect, log_aspect))
        box_width = round(math.sqrt(area * aspect))
        box_height = round(math.sqrt(area / aspect))
        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(rng.integers(height - box_height + 1))
            left = int(rng.integers(width - box_width + 1))
            return Box(top=top, left=left, height=box_height, width=box_width)
    box_width = max(1, min(width, round(height * config.max_aspect)))
    box_height = max(1, min(height, round(width * config.max_aspect)))
    return Box(
        top=(height - box_height) // 2,
        left=(width - box_width) // 2,
        height=box_height,
        width=box_width,
    )


def _show_object(
    box: Box, shape: tuple[int, int], config: ViewConfig, saliency: Map, seed: int
) -> Box:
    """Draw other boxes if `box` shows less than `min_cover` of the object.

    From a stream of their own, so that colours and flip stay those of the run without.
    """
    alpha = map_to_alpha(saliency, config.copy_paste)
    least = config.copy_paste.min_cover
    if cover(alpha, shape, box) >= least:
        return box
    rng = np.random.default_rng((seed, 1))
    return draw_covering(lambda: draw_crop(rng, shape, config), alpha, shape, least)


def _overlap(start: int, length: int, size: int, cells: int) -> Map:
    """Share of each cell that [start, start + length) of `size` pixels covers."""
    edges = np.arange(cells + 1) * (size / cells)
    inside = np.minimum(edges[1:], start + length) - np.maximum(edges[:-1], start)
    return (inside.clip(0) * (cells / size)).astype(np.float32)
