"""What the foreground is pasted on (paper, section 5.2, Table 2c).

A background is a function (rng, height, width, setting) -> Image; add one here and one
line in `augment.BACKGROUNDS`. All that is random in it comes from `rng`, the view's own
stream. What it is made of, it finds in the setting.
"""

import numpy as np

from dilo.augment.fill import (
    border_strip,
    cut,
    cut_box,
    paint_out,
    tile_mirrored,
    whole_pixels,
)
from dilo.augment.sources import NOTHING, PictureFolder, Setting
from dilo.augment.textures import paint_texture
from dilo.errors import InputError
from dilo.image import Image, resize

# Saliency up to this is background: the value from which maps are pasted by default.
FAINT = 0.1

_LEVELS = bytes(range(256))


def grey(
    rng: np.random.Generator, height: int, width: int, setting: Setting = NOTHING
) -> Image:
    """Paint one grey of random level, the paper's final choice: uint8 (H, W, 3)."""
    level = int(rng.random() * 256)
    return np.ndarray((height, width, 3), np.uint8, _LEVELS, level, (0, 0, 0))


def texture(
    rng: np.random.Generator, height: int, width: int, setting: Setting = NOTHING
) -> Image:
    """Cut from a picture of the folder `textures`.

    Raises:
        InputError: there is no such folder.
    """
    return _from_folder(rng, height, width, setting.sources.textures, "textures")


def procedural(
    rng: np.random.Generator, height: int, width: int, setting: Setting = NOTHING
) -> Image:
    """Paint a texture that needs no folder; see `augment.textures`."""
    return paint_texture(rng, height, width)


def mined(
    rng: np.random.Generator, height: int, width: int, setting: Setting = NOTHING
) -> Image:
    """Cut from a crop without saliency response, which `mine_backgrounds` has found.

    Raises:
        InputError: there is no bank of such crops.
    """
    return _from_folder(rng, height, width, setting.sources.bank, "bank")


def border(
    rng: np.random.Generator, height: int, width: int, setting: Setting = NOTHING
) -> Image:
    """Tile the largest strip of the image beside its own object, mirrored.

    Source: after Only-BG-T of Xiao et al., "Noise or signal: the role of image
    backgrounds in object recognition", 2020.

    Raises:
        InputError: the image or its map is not at hand.
    """
    if setting.image is None or setting.alpha is None:
        raise InputError("the background border needs the image and its map")
    image = setting.image
    part = whole_pixels(border_strip(setting.alpha), *image.shape[:2])
    # In the scale of an image of the view's size.
    scale = min(height, width) / min(image.shape[:2])
    rows, columns = (side.stop - side.start for side in part)
    piece = resize(
        image[part], max(1, round(rows * scale)), max(1, round(columns * scale))
    )
    return tile_mirrored(rng, piece, height, width)


def painted_out(
    rng: np.random.Generator, height: int, width: int, setting: Setting = NOTHING
) -> Image:
    """Cut from another image of the data set, its object painted out.

    Raises:
        InputError: there are no other images with a map.
    """
    other = setting.sources.draw_other(rng, setting.index, mapped=True)
    assert other.saliency is not None
    box = cut_box(rng, other.image.shape, height, width)
    view = resize(other.image[box], height, width)
    shape = other.image.shape[:2]
    share = tuple(
        place / side
        for part, side in zip(box, shape, strict=True)
        for place in (part.start, part.stop)
    )
    part = whole_pixels((share[0], share[1], share[2], share[3]), *other.saliency.shape)
    covered = other.saliency[part] > FAINT
    alpha = resize(covered.astype(np.float32), height, width)
    return paint_out(view, alpha)


def other_image(
    rng: np.random.Generator, height: int, width: int, setting: Setting = NOTHING
) -> Image:
    """Cut from another image of the data set, whatever it shows.

    Raises:
        InputError: there are no other images.
    """
    other = setting.sources.draw_other(rng, setting.index)
    return cut(rng, other.image, height, width)


def _from_folder(
    rng: np.random.Generator,
    height: int,
    width: int,
    folder: PictureFolder | None,
    field: str,
) -> Image:
    if folder is None:
        raise InputError(f"this background needs a folder of pictures: {field}")
    return cut(rng, folder.draw(rng), height, width)
