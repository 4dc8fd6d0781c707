"""Gaussian blur of a view (MoCo v2, SimCLR)."""

from typing import cast

import cv2

from dilo.image import Image


def gaussian_blur(image: Image, sigma: float) -> Image:
    """Blur by a Gaussian of `sigma` pixels, mirrored at the rim: uint8 (H, W, 3)."""
    size = 2 * round(3 * sigma) + 1  # 99.7 % of the weight
    blurred = cv2.GaussianBlur(image, (size, size), sigma)
    return cast(Image, blurred)
