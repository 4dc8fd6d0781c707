"""Views: a random crop of an image, pasted or not, recoloured, blurred and flipped.

Drawing the parameters is apart from applying them, and a view's parameters come from
its own random stream, so that what an image becomes depends on (seed, epoch, index)
alone.
"""

import threading
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from dilo.augment.blur_image import blur_image
from dilo.augment.box import Box
from dilo.augment.chain import ViewConfig
from dilo.augment.copy_paste import (
    CopyPasteConfig,
    map_to_alpha,
    paste_probability,
)
from dilo.augment.crops import between, centre_crop, draw_crop
from dilo.augment.jitter import draw_jitter, recolour
from dilo.augment.layer import (
    Layer,
    draw_layer,
    draw_sheet,
    show,
)
from dilo.augment.paste import Stencil, cut_stencil
from dilo.augment.placement import cover, draw_covering
from dilo.augment.planes import Planes, join
from dilo.augment.recolour import GREY
from dilo.augment.resample import crop_resize, scale_planes
from dilo.augment.sources import NOTHING, Setting
from dilo.image import Image, Map

_thread = threading.local()
_SPREAD = 0xDA942042E4DD58B5DA942042E4DD58B5  # odd, with bits everywhere


class Paste(NamedTuple):
    """Whether a view is pasted, drawn before anything else of it."""

    wanted: bool
    seed: int  # of the background, the blending, and crops that must show the object


@dataclass(frozen=True, kw_only=True)
class ViewParameters:
    """What was drawn for one view."""

    box: Box
    paste_seed: int | None  # of the background and the blending; None keeps the image
    colour: tuple[tuple[int, float], ...]  # steps of `jitter` with their factors
    blur: float  # sigma in pixels; 0 does not blur
    flip: bool


def view_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Give sample `index` of `epoch` its own stream, whatever the worker count."""
    return np.random.default_rng((seed, epoch, index))


def draw_paste(
    rng: np.random.Generator, config: CopyPasteConfig, progress: float = 1.0
) -> Paste:
    """Draw whether a view is pasted, which tells whether its map is needed at all.

    Drawn whether or not there is a map: with and without masks, the same image gets
    the same crop, colours and flip, so that runs differ in the pasting alone.
    """
    wanted = rng.random() < paste_probability(config, progress)
    return Paste(wanted, int(rng.integers(2**63)))


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
        paste: what was drawn of the view before; else it is drawn first.
    """
    paste = paste or draw_paste(rng, config.copy_paste, progress)
    box = draw_crop(rng, *shape, config)
    colour: list[tuple[int, float]] = []
    grey = [(GREY, 0.0)] if rng.random() < config.grey_probability else []
    if rng.random() < config.jitter_probability:
        jitter = draw_jitter(rng, config.jitter)
        colour = [(step, jitter.factors[step]) for step in jitter.order]
    flip = rng.random() < config.flip_probability
    blur = 0.0
    if config.blur_probability and rng.random() < config.blur_probability:
        blur = between(rng, *config.blur_sigma)
    if saliency is not None and config.copy_paste.min_cover > 0:
        box = _show_object(box, shape, config, saliency, paste.seed)
    return ViewParameters(
        box=box,
        paste_seed=paste.seed if paste.wanted else None,
        colour=tuple(colour + grey if config.grey_last else grey + colour),
        blur=blur,
        flip=flip,
    )


def train_view(
    image: Image,
    saliency: Map | None,
    crop_size: int,
    config: ViewConfig,
    rng: np.random.Generator,
    progress: float = 1.0,
) -> Image:
    """Make one training view: uint8 (crop_size, crop_size, 3).

    Image and map are cropped by the same box and composited at the crop's size, which
    is what compositing first would give, at a fraction of the cost. Called again with
    the same stream, it makes the next view of the image.

    Args:
        image: uint8 (H, W, 3).
        saliency: float32 (H, W), or None where the image must stay as it is.
        crop_size: side of the view in pixels.
        config: the augmentation.
        rng: the sample's own stream.
        progress: share of the training that is over, for a probability that rises.
    """
    height, width = image.shape[:2]
    parameters = draw_view((height, width), config, rng, progress, saliency)
    return apply_view(image, saliency, crop_size, parameters, config.copy_paste)


def apply_view(
    image: Image,
    saliency: Map | None,
    crop_size: int,
    parameters: ViewParameters,
    copy_paste: CopyPasteConfig,
    setting: Setting = NOTHING,
) -> Image:
    """Make the view that `parameters` describe: uint8 (crop_size, crop_size, 3).

    Args:
        image: uint8 (H, W, 3).
        saliency: float32 of the image's aspect, at any size; None keeps the image.
        crop_size: side of the view in pixels.
        parameters: what `draw_view` drew.
        copy_paste: onto what, how softly and where the foreground is pasted.
        setting: what some backgrounds are made of besides the image.
    """
    shown = show_view(image, saliency, crop_size, parameters, copy_paste, setting)
    return finish_view(shown, parameters)


def show_view(
    image: Image,
    saliency: Map | None,
    crop_size: int,
    parameters: ViewParameters,
    copy_paste: CopyPasteConfig,
    setting: Setting = NOTHING,
) -> Planes:
    """Cut, scale, mirror and paste: uint8 (3, S, S); arguments as `apply_view`."""
    box, flip = parameters.box, parameters.flip
    if saliency is None or parameters.paste_seed is None:
        return scale_planes(image, box, crop_size, crop_size, flip=flip)
    layer = view_layer(image, saliency, crop_size, parameters, copy_paste, setting)
    assert layer is not None
    return show(image, layer, flip=flip)


def finish_view(
    shown: Planes, parameters: ViewParameters, out: Image | None = None
) -> Image:
    """Recolour and blur what `show_view` gives.

    Args:
        shown: of the view.
        parameters: of the same view.
        out: where to write the view, uint8 (crop_size, crop_size, 3), C-contiguous.
    """
    shown = recolour(shown, parameters.colour)
    if not parameters.blur:
        return join(shown, out)
    return blur_image(join(shown), parameters.blur, out)


def view_layer(
    image: Image,
    saliency: Map | None,
    crop_size: int,
    parameters: ViewParameters,
    copy_paste: CopyPasteConfig,
    setting: Setting = NOTHING,
) -> Layer | None:
    """Draw what is pasted below a view; None keeps it. Arguments as `apply_view`."""
    if saliency is None or parameters.paste_seed is None:
        return None
    whole = replace(setting, image=image, alpha=map_to_alpha(saliency, copy_paste))
    rng, size = _paste_rng(parameters.paste_seed), (crop_size, crop_size)
    return draw_layer(size, parameters.box, whole, copy_paste, rng)


def view_stencil(
    shape: tuple[int, int],
    crop_size: int,
    parameters: ViewParameters,
    copy_paste: CopyPasteConfig,
    setting: Setting,
) -> Stencil | None:
    """Prepare a paste before the image is read; None if there is none.

    Only for backgrounds that need no image, see `needs_image`.

    Args:
        shape: height and width of the image.
        crop_size: side of the view in pixels.
        parameters: what `draw_view` drew.
        copy_paste: as for `apply_view`.
        setting: likewise, with the alpha of the image.
    """
    if parameters.paste_seed is None:
        return None
    rng, size = _paste_rng(parameters.paste_seed), (crop_size, crop_size)
    sheet = draw_sheet(size, setting, copy_paste, rng)
    return cut_stencil(sheet.alpha, shape, parameters.box, sheet.background)


def _paste_rng(seed: int) -> np.random.Generator:
    """Give the stream of a seed of 63 random bits, until the next one is asked for.

    Making a generator takes longer than all that a paste draws from it; so each thread
    has one, which is put at the place that the seed says.
    """
    rng: np.random.Generator | None = getattr(_thread, "rng", None)
    if rng is None:
        rng = _thread.rng = np.random.Generator(np.random.PCG64(0))
    place = {"state": seed * _SPREAD % 2**128, "inc": 1}
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": place,
        "has_uint32": 0,
        "uinteger": 0,
    }
    return rng


def centre_view(image: Image, crop_size: int) -> Image:
    """Make the test view, the central crop of the reduced image: uint8 (S, S, 3)."""
    return crop_resize(image, centre_crop(*image.shape[:2]), crop_size)


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
    return draw_covering(lambda: draw_crop(rng, *shape, config), alpha, shape, least)
