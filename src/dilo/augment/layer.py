"""Paste the foreground of an image on another background (paper, section 5.2).

The crop comes before the composite, which is what compositing first would give, at a
fraction of the cost; the blur is relative to the image and comes before the crop.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dilo.augment.box import Box
from dilo.augment.copy_paste import BACKGROUNDS, BLENDINGS, OF_ITSELF, CopyPasteConfig
from dilo.augment.overlay import composite_view
from dilo.augment.paste import cut_stencil, paste_view
from dilo.augment.placement import centre_of, move_box, show_box
from dilo.augment.planes import Planes, split
from dilo.augment.sources import Setting
from dilo.errors import InputError
from dilo.image import Image, Map


class Sheet(NamedTuple):
    """What is drawn for one paste whatever its view shows of the image."""

    background: Image  # uint8 (S, T, 3)
    alpha: Map  # of the whole image, at any size


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """What was drawn for one paste: a background, and the alpha above it."""

    background: Image  # uint8 (S, T, 3)
    alpha: Map  # of the whole image, at any size
    shape: tuple[int, int]  # height and width of the image
    box: Box  # what the view shows of the image; where it was moved, it may leave it
    view: Image | None = None  # uint8 (S, T, 3), where the object was moved


def needs_image(config: CopyPasteConfig) -> bool:
    """Tell whether nothing can be drawn for a paste before the image is read."""
    return config.background in OF_ITSELF or config.moves


def draw_sheet(
    size: tuple[int, ...],
    setting: Setting,
    config: CopyPasteConfig,
    rng: np.random.Generator,
) -> Sheet:
    """Draw the background and the blending of a paste; arguments as `draw_layer`."""
    if setting.alpha is None:
        raise InputError("pasting needs the alpha of the image")
    background = BACKGROUNDS[config.background](rng, size[0], size[1], setting)
    return Sheet(
        background, BLENDINGS[config.blending](rng, setting.alpha, config.blur)
    )


def draw_layer(
    size: tuple[int, ...],
    box: Box,
    setting: Setting,
    config: CopyPasteConfig,
    rng: np.random.Generator,
) -> Layer:
    """Draw what is laid below a view, and what of the image stays above it.

    Args:
        size: height and width of the view.
        box: what the view shows, in pixels of the image.
        setting: the whole image, its alpha (of `map_to_alpha`, at any size), and what
            backgrounds are made of.
        config: onto what, how softly and where.
        rng: the paste's own stream.

    Raises:
        InputError: the setting lacks the alpha, or what the background is made of.
        ImageError: pictures that the background is made of cannot be read.
    """
    if setting.image is None:
        raise InputError("pasting needs the whole image")
    sheet = draw_sheet(size, setting, config, rng)
    shape, view = (setting.image.shape[0], setting.image.shape[1]), None
    if config.moves:
        anchor = centre_of(sheet.alpha, shape)
        box = move_box(rng, box, anchor, config.shift, config.max_scale)
        view = show_box(setting.image, box, size[0], size[1])
    return Layer(
        background=sheet.background, alpha=sheet.alpha, shape=shape, box=box, view=view
    )


def lay(view: Image, layer: Layer) -> Image:
    """Composite what `layer.box` shows, scaled, with its layer: uint8 (S, T, 3)."""
    shown = view if layer.view is None else layer.view
    return composite_view(shown, layer.alpha, layer.shape, layer.box, layer.background)


def show(image: Image, layer: Layer, *, flip: bool = False) -> Planes:
    """Make the view of a layer from the whole image, as `paste_view` does."""
    if layer.view is None:
        where = layer.shape, layer.box, layer.background
        stencil = cut_stencil(layer.alpha, *where)
        return paste_view(image, layer.box, stencil, flip=flip)
    view = lay(layer.view, layer)
    return split(view[:, ::-1] if flip else view)
