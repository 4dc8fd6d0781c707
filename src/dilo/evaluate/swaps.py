"""Photographs with their backgrounds swapped or removed, from exact masks.

The variants are those of the backgrounds challenge on ImageNet-9 (Xiao et al., "Noise
or signal: the role of image backgrounds in object recognition", 2020).
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.image import Image, check_image, resize

Mask = NDArray[np.bool_]  # (H, W), True on the object
Variant = Literal["original", "mixed_same", "mixed_rand", "only_fg", "only_bg"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

# Beyond this share of the image the object's box leaves too little background to fill
# it from; the backgrounds challenge drops the same images.
LARGEST_BOX = 0.9
# Of the longer side. Masks are a little too tight, and a rim gives an object away.
MARGIN = 0.01


def swap(
    read: Callable[[int], tuple[Image, Mask]], index: int, donor: int, variant: Variant
) -> Image:
    """Make one variant of the image at `index`, of the size of its original.

    * original: as it is.
    * mixed_same: the object on the background of another image of its class.
    * mixed_rand: the object on the background of an image of another class.
    * only_fg: the object on black.
    * only_bg: the object's box is filled with tiles of the background beside it.

    A donor's object is removed as in only_bg. Objects stay where they are.

    Args:
        read: gives images by number; of none of them may `why_not` have a complaint.
        index: of the image.
        donor: of the image that gives the background; see `draw_donors`.
        variant: which one.
    """
    image, mask = read(index)
    if variant == "original":
        return image
    if variant == "only_bg":
        return tile_background(image, mask)
    if variant == "only_fg":
        # Black, as in the challenge. Grey would favour networks that were pretrained
        # on objects pasted on grey.
        return np.where(mask[..., None], image, np.uint8(0))
    background = cover(tile_background(*read(donor)), *mask.shape)
    return np.where(mask[..., None], image, background)


def why_not(image: Image, mask: Mask) -> str:
    """Say why an image cannot take part; empty if it can."""
    check_image(image)
    if mask.shape != image.shape[:2]:
        return f"its mask is {mask.shape}, the image {image.shape[:2]}"
    if not mask.any():
        return "its mask is empty"
    top, bottom, left, right = _box(mask)
    if (bottom - top) * (right - left) > LARGEST_BOX * mask.size:
        return f"the object's box fills more than {LARGEST_BOX:.0%} of it"
    return ""


def draw_donors(
    labels: NDArray[np.int64], variant: Variant, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the image that gives each background, (N,); itself where none is needed.

    Raises:
        InputError: a class has no donor.
    """
    donors = np.arange(len(labels))
    if not variant.startswith("mixed"):
        return donors
    for index, label in enumerate(labels):
        fits = (labels == label) == (variant == "mixed_same")
        fits[index] = False
        if not fits.any():
            raise InputError(f"{variant}: there is no other image for class {label}")
        donors[index] = rng.choice(np.flatnonzero(fits))
    return donors


def tile_background(image: Image, mask: Mask) -> Image:
    """Fill the object's box with copies of the largest strip beside it (Only-BG-T)."""
    height, width = mask.shape
    top, bottom, left, right = _box(mask)
    strips = (  # where it starts and how long it is, along rows and along columns
        (0, top, 0, width),
        (bottom, height - bottom, 0, width),
        (0, height, 0, left),
        (0, height, right, width - right),
    )
    y, rows, x, columns = max(strips, key=lambda strip: strip[1] * strip[3])
    filled = image.copy()
    from_y = y + (np.arange(top, bottom) - y) % rows
    from_x = x + (np.arange(left, right) - x) % columns
    filled[top:bottom, left:right] = image[np.ix_(from_y, from_x)]
    return filled


def cover(image: Image, height: int, width: int) -> Image:
    """Scale an image until it covers height x width, and cut off what is over."""
    scale = max(height / image.shape[0], width / image.shape[1])
    rows = max(height, round(image.shape[0] * scale))
    columns = max(width, round(image.shape[1] * scale))
    scaled = resize(image, rows, columns)
    top, left = (rows - height) // 2, (columns - width) // 2
    return scaled[top : top + height, left : left + width]


def _box(mask: Mask) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of the object with a margin; the ends are exclusive."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    margin = round(MARGIN * max(mask.shape))
    return (
        max(0, int(rows[0]) - margin),
        min(mask.shape[0], int(rows[-1]) + 1 + margin),
        max(0, int(columns[0]) - margin),
        min(mask.shape[1], int(columns[-1]) + 1 + margin),
    )
