"""The part of an image that a view shows."""

from dataclasses import dataclass

from dilo.image import Pixels, resize


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int


def crop_resize(pixels: Pixels, box: Box, side: int) -> Pixels:
    """Cut a box and scale it to a square."""
    cut = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    return resize(cut, side, side)
