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


class Composites:
    """The images of one variant, made when they are asked for.

    * original: as it is.
    * mixed_same: the object on the background of another image of its class.
    * mixed_rand: the object on the background of an image of another class.
    * only_fg: the object on black.
    * only_bg: the object's box is filled with tiles of the background beside it.

    A donor's object is removed as in only_bg. Objects stay where they are.
    """

    def __init__(
        self,
        read: Callable[[int], tuple[Image, Mask]],
        donors: NDArray[np.int64],
        variant: Variant,
    ) -> None:
        """Take image i from `read(i)`, and its background from `read(donors[i])`.

        Of none of the images that `read` gives must `why_not` have a complaint.
        """
        self._donors = donors
        self._read = read
        self._variant = variant

    def __len__(self) -> int:
        return len(self._donors)

    def __getitem__(self, index: int) -> Image:
        """Make the image at `index`, of the size of its original."""
        image, mask = self._read(index)
        if self._variant == "original":
            return image
        if self._variant == "only_fg":
            # Black, as in the challenge. Grey would favour networks that were
            # pretrained on objects pasted on grey.
            return np.where(mask[..., None], image, np.uint8(0))
        if self._variant == "only_bg":
            return tile_background(image, mask)
        background = tile_background(*self._read(int(self._donors[index])))
        return np.where(mask[..., None], image, cover(background, *mask.shape))


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
        InputError: there is no such variant, or a class has no donor.
    """
    if variant not in VARIANTS:
        raise InputError(f"variant must be one of {VARIANTS}, got {variant!r}")
    everyone = np.arange(len(labels))
    if not variant.startswith("mixed"):
        return everyone
    donors = np.empty(len(labels), dtype=np.int64)
    for index, label in enumerate(labels):
        if variant == "mixed_same":
            choices = everyone[(labels == label) & (everyone != index)]
        else:
            choices = everyone[labels != label]
        if not len(choices):
            raise InputError(f"{variant}: there is no other image for class {label}")
        donors[index] = rng.choice(choices)
    return donors


def tile_background(image: Image, mask: Mask) -> Image:
    """Fill the object's box with copies of the largest strip beside it (Only-BG-T)."""
    height, width = mask.shape
    top, bottom, left, right = _box(mask)
    strips = {  # where it starts and how long it is, along rows and along columns
        "above": (0, top, 0, width),
        "below": (bottom, height - bottom, 0, width),
        "left": (0, height, 0, left),
        "right": (0, height, right, width - right),
    }
    y, rows, x, columns = max(strips.values(), key=lambda strip: strip[1] * strip[3])
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
