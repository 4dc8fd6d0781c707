"""What the foreground is pasted on (paper, section 5.2, Table 2c).

A background is a function (rng, size, image, alpha, sources) -> Image; add one here and
one line in `BACKGROUNDS`. All that is random in it comes from `rng`, the view's own
stream; `image` is what is pasted, whole, and `alpha` its alpha, of any size. Where what
it is made of is not at hand, it raises InputError.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from dilo.augment.background_sources import BackgroundSources, PictureFolder
from dilo.augment.fill import (
    border_strip,
    cut,
    cut_box,
    paint_out,
    tile_mirrored,
    whole_pixels,
)
from dilo.augment.textures import paint_texture
from dilo.errors import InputError
from dilo.image import Image, Map, resize

# Saliency up to this is background: the value from which maps are pasted by default.
FAINT = 0.1

_LEVELS = bytes(range(256))

Size = tuple[int, int]  # height and width of a background, in pixels


Background = Callable[[np.random.Generator, Size, Image, Map, BackgroundSources], Image]


def grey(rng: np.random.Generator, size: Size, *_: Any) -> Image:
    """Paint one grey of random level, the paper's final choice."""
    level = int(rng.random() * 256)
    return np.ndarray((*size, 3), np.uint8, _LEVELS, level, (0, 0, 0))


def texture(
    rng: np.random.Generator, size: Size, _: Image, __: Map, sources: BackgroundSources
) -> Image:
    """Cut from a picture of the folder `textures`."""
    return _from_folder(rng, size, sources.textures, "textures")


def procedural(rng: np.random.Generator, size: Size, *_: Any) -> Image:
    """Paint a texture that needs no folder; see `augment.textures`."""
    return paint_texture(rng, *size)


def mined(
    rng: np.random.Generator, size: Size, _: Image, __: Map, sources: BackgroundSources
) -> Image:
    """Cut from a crop without saliency response, which `mine_backgrounds` has found."""
    return _from_folder(rng, size, sources.bank, "bank")


def border(
    rng: np.random.Generator, size: Size, image: Image, alpha: Map, *_: Any
) -> Image:
    """Tile the largest strip of the image beside its own object, mirrored.

    Source: after Only-BG-T of Xiao et al., "Noise or signal: the role of image
    backgrounds in object recognition", 2020.
    """
    part = whole_pixels(border_strip(alpha), *image.shape[:2])
    # In the scale of an image of the view's size.
    scale = min(size) / min(image.shape[:2])
    rows, columns = (side.stop - side.start for side in part)
    piece = resize(
        image[part], max(1, round(rows * scale)), max(1, round(columns * scale))
    )
    return tile_mirrored(rng, piece, *size)


def painted_out(
    rng: np.random.Generator, size: Size, _: Image, __: Map, sources: BackgroundSources
) -> Image:
    """Cut from another image of the data set, its object painted out."""
    other = sources.draw_other(rng, mapped=True)
    assert other.saliency is not None
    height, width = other.image.shape[:2]
    rows, columns = cut_box(rng, other.image.shape, *size)
    share = (
        rows.start / height,
        rows.stop / height,
        columns.start / width,
        columns.stop / width,
    )
    part = whole_pixels(share, *other.saliency.shape)
    covered = (other.saliency[part] > FAINT).astype(np.float32)
    return paint_out(resize(other.image[rows, columns], *size), resize(covered, *size))


def other_image(
    rng: np.random.Generator, size: Size, _: Image, __: Map, sources: BackgroundSources
) -> Image:
    """Cut from another image of the data set, whatever it shows."""
    return cut(rng, sources.draw_other(rng).image, *size)


BACKGROUNDS: dict[str, Background] = {
    "grey": grey,
    "texture": texture,
    "procedural": procedural,
    "mined": mined,
    "border": border,
    "painted_out": painted_out,
    "other": other_image,
}


def _from_folder(
    rng: np.random.Generator, size: Size, folder: PictureFolder | None, field: str
) -> Image:
    if folder is None:
        raise InputError(f"this background needs a folder of pictures: {field}")
    return cut(rng, folder.draw(rng), *size)
