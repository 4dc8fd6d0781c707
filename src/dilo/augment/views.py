"""Views: a crop of an image, pasted or not, recoloured, blurred and flipped.

Drawing the parameters is apart from applying them. The crop comes before the composite,
which is what compositing first would give, at a fraction of the cost; the blending is
relative to the image and comes before the crop.
"""

import threading

import cv2
import numpy as np

from dilo.augment.alpha import map_to_alpha, view_alpha
from dilo.augment.background_sources import NO_SOURCES, BackgroundSources
from dilo.augment.backgrounds import BACKGROUNDS
from dilo.augment.blending import BLENDINGS
from dilo.augment.blur import gaussian_blur
from dilo.augment.chain import ViewConfig
from dilo.augment.color_jitter import adjust_colour
from dilo.augment.composite import composite
from dilo.augment.copy_paste import CopyPasteConfig
from dilo.augment.crop import crop_resize, lies_within
from dilo.augment.parameters import (
    ViewParameters,
    centre_crop,
    draw_view,
    move_box,
)
from dilo.errors import InputError
from dilo.image import Image, Map

_SPREAD = 0xDA942042E4DD58B5DA942042E4DD58B5  # odd, with bits everywhere
_thread = threading.local()


def train_view(
    image: Image,
    saliency: Map | None,
    crop_size: int,
    config: ViewConfig,
    rng: np.random.Generator,
    progress: float = 1.0,
) -> Image:
    """Make one training view: uint8 (crop_size, crop_size, 3).

    Called again with the same stream, it makes the next view of the image.

    Args:
        image: uint8 (H, W, 3).
        saliency: float32 (H, W), or None where the image must stay as it is.
        crop_size: side of the view in pixels.
        config: the augmentation; a background that is more than the image itself
            needs `apply_view`.
        rng: the sample's own stream.
        progress: share of the training that is over, for a probability that rises.

    Raises:
        InputError: `image` or `saliency` cannot be used, or the background.
    """
    shape = image.shape[0], image.shape[1]
    parameters = draw_view(shape, config, rng, progress, saliency)
    return apply_view(image, saliency, crop_size, parameters, config.copy_paste)


def apply_view(
    image: Image,
    saliency: Map | None,
    crop_size: int,
    parameters: ViewParameters,
    copy_paste: CopyPasteConfig,
    sources: BackgroundSources = NO_SOURCES,
) -> Image:
    """Make the view that `parameters` describe: uint8 (crop_size, crop_size, 3).

    Args:
        image: uint8 (H, W, 3).
        saliency: float32 of the image's aspect, at any size; None keeps the image.
        crop_size: side of the view in pixels.
        parameters: what `draw_view` drew for an image of this size.
        copy_paste: onto what, how softly and where the foreground is pasted.
        sources: of `open_sources`, what some backgrounds are made of.

    Raises:
        InputError: `image` or `saliency` cannot be used, the parameters are of another
            image, or what the background is made of is not at hand.
        ImageError: pictures that the background is made of cannot be read.
    """
    shape, size, box = image.shape[:2], (crop_size, crop_size), parameters.box
    if not lies_within(box, shape):
        raise InputError(
            f"parameters drawn for another image: {box} lies outside of {shape}"
        )
    pasted = None
    if saliency is not None and parameters.paste_seed is not None:
        rng = _paste_rng(parameters.paste_seed)
        alpha = map_to_alpha(saliency, copy_paste)
        make_background = BACKGROUNDS[copy_paste.background]
        background = make_background(rng, size, image, alpha, sources)
        alpha = BLENDINGS[copy_paste.blending](rng, alpha, copy_paste.blur)
        if copy_paste.moves:
            box = move_box(rng, box, alpha, shape, copy_paste)
        pasted = alpha, background
    view = crop_resize(image, box, size)
    if pasted is not None:
        alpha, background = pasted
        composite(view, view_alpha(alpha, shape, box, size), background, in_place=True)
    view = adjust_colour(view, parameters.colour)
    if parameters.blur:
        view = gaussian_blur(view, parameters.blur)
    return np.asarray(cv2.flip(view, 1)) if parameters.flip else view


def centre_view(image: Image, crop_size: int) -> Image:
    """Make the test view, the central crop of the reduced image: uint8 (S, S, 3).

    Raises:
        InputError: `image` is no Image.
    """
    return crop_resize(image, centre_crop(*image.shape[:2]), (crop_size, crop_size))


def _paste_rng(seed: int) -> np.random.Generator:
    """Give the stream of a seed of 63 random bits.

    It lasts until the next one is asked for: each thread has one generator, which is
    put at the place that the seed says, for making one takes longer than all draws.
    """
    rng: np.random.Generator | None = getattr(_thread, "rng", None)
    if rng is None:
        rng = _thread.rng = np.random.Generator(np.random.PCG64(0))
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": seed * _SPREAD % 2**128, "inc": 1},
        "has_uint32": 0,
        "uinteger": 0,
    }
    return rng
