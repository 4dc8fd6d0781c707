"""The channels of an image apart: what shares a line can be worked on at once."""

from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from dilo.image import Image
from dilo.kernel_cache import njit

Planes = NDArray[np.uint8]  # (3, H, W): red, green, blue
Lines = NDArray[np.uint8]  # (H, W): rows of levels
Level = TypeVar("Level", np.uint8, np.uint16, np.float32)


def split(image: Image) -> Planes:
    """Take the channels of an image apart: uint8 (3, H, W)."""
    planes = np.empty((3, *image.shape[:2]), np.uint8)
    take_apart(np.ascontiguousarray(image).reshape(-1), *planes.reshape(3, -1))
    return planes


def join(planes: Planes, out: Image | None = None) -> Image:
    """Put channels together: uint8 (H, W, 3), into `out` (C-contiguous) if given."""
    image = np.empty((*planes.shape[1:], 3), np.uint8) if out is None else out
    _join(planes.reshape(3, -1), image.reshape(-1))
    return image


def transpose(lines: NDArray[Level]) -> NDArray[Level]:
    """Swap rows and columns: C-contiguous (W, H).

    Not by Intel's IPP, which OpenCV would use: its widest vectors make the processor
    lower its clock for milliseconds, which costs more than they save.
    """
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)  # for this thread
    turned = cv2.transpose(lines)
    cv2.ipp.setUseIPP(used)
    return cast(NDArray[Level], turned)


@njit(nogil=True)
def take_apart(
    levels: NDArray[Any], red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]
) -> None:
    """Write the channels of a line of pixels to lines of their own."""
    for i in range(np.uint64(len(red))):
        at = i * np.uint64(3)
        red[i] = levels[at]
        green[i] = levels[at + np.uint64(1)]
        blue[i] = levels[at + np.uint64(2)]


@njit(nogil=True)
def _join(planes: NDArray[np.uint8], levels: NDArray[np.uint8]) -> None:
    red, green, blue = planes[0], planes[1], planes[2]
    for i in range(np.uint64(len(red))):
        at = i * np.uint64(3)
        levels[at] = red[i]
        levels[at + np.uint64(1)] = green[i]
        levels[at + np.uint64(2)] = blue[i]
