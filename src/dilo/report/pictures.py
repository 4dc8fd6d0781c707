"""What a person looks at: which images, and heat, outlines and data URIs of them."""

import base64
import io

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from dilo.data.image_set import resize_map
from dilo.errors import InputError
from dilo.image import (
    Image,
    Map,
    check_image,
    check_map,
    encode_image,
    resize,
    to_bytes,
)

# Up to this side a picture is kept without loss: every pixel is seen.
LOSSLESS_SIDE = 96
WEBP_QUALITY = 82  # 10 kB for a photograph of 224 x 224

# Of a gradient map this share of the pixels may be brighter than full heat: a few
# pixels hold most of its range, and without it the rest would be black.
SATURATED_SHARE = 0.01

HEAT_WEIGHT = 0.85  # of the colour where the heat is full; the image stays visible
IMAGE_DIM = 0.75  # brightness of the image below the heat

DISPLAY_SIDE = 112  # of a picture in a gallery, in CSS pixels, about


def draw_indices(total: int, count: int, seed: int = 0) -> list[int]:
    """Draw up to `count` different indices below `total`, in ascending order.

    Raises:
        InputError: `count` is not positive, or `seed` is negative.
    """
    if count < 1:
        raise InputError(f"count must be at least 1, got {count}")
    if seed < 0:
        raise InputError(f"seed must not be negative, got {seed}")
    order = np.random.default_rng(seed).permutation(total)[:count]
    return sorted(int(index) for index in order)


def fit(image: Image, side: int, *, enlarge: bool = False) -> Image:
    """Reduce an image until its long side is `side`; small ones stay as they are.

    With `enlarge` these grow by a whole factor that keeps them within `side`.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        factor = int(scale) if enlarge else 1
        return image.repeat(factor, axis=0).repeat(factor, axis=1)
    return resize(image, max(1, round(height * scale)), max(1, round(width * scale)))


def grey(saliency: Map) -> Image:
    """Show a map as grey levels, white where it is 1: uint8 (H, W, 3)."""
    check_map(saliency)
    return np.repeat(to_bytes(saliency)[..., np.newaxis], 3, axis=2)


def heat(image: Image, saliency: Map) -> Image:
    """Lay a map over its image as heat, from black over red to bright yellow.

    The colours ("inferno") rise evenly in lightness, so that they read the same
    without colour vision; where the map is 0 the image is shown in dimmed grey.

    Args:
        image: uint8 (H, W, 3).
        saliency: float32 of any size, resampled to the image.

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: `image` is no Image or `saliency` no Map.
    """
    check_image(image)
    check_map(saliency)
    saliency = resize_map(saliency, *image.shape[:2])
    bgr = cv2.applyColorMap(to_bytes(saliency), cv2.COLORMAP_INFERNO)
    colour = bgr[..., ::-1].astype(np.float32)
    dimmed = np.float32(IMAGE_DIM) * cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    below = dimmed[..., np.newaxis]
    weight = HEAT_WEIGHT * saliency[..., np.newaxis]
    return np.rint(below + weight * (colour - below)).astype(np.uint8)


def normalise_gradient(gradient: NDArray[np.float32]) -> Map:
    """Scale a gradient map (H, W) of any range for display; zeros stay zeros.

    Its largest values, 1 % of the pixels, become 1.

    Raises:
        InputError: `gradient` is negative or not finite, or of another shape.
    """
    if gradient.ndim != 2 or gradient.size == 0:
        raise InputError(f"a gradient map is (H, W), got {gradient.shape}")
    if not (np.isfinite(gradient).all() and gradient.min() >= 0):
        raise InputError("a gradient map is finite and not negative")
    full = np.quantile(gradient, 1 - SATURATED_SHARE) or gradient.max() or 1
    return (gradient / full).clip(0, 1).astype(np.float32)


def outline(image: Image, mask: NDArray[np.bool_]) -> Image:
    """Draw the rim of an object, white between dark: uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3).
        mask: bool of any size, resampled to the image.

    Raises:
        InputError: `image` is no Image.
    """
    check_image(image)
    covered = resize_map(mask.astype(np.float32), *image.shape[:2]) >= 0.5
    rims, _ = cv2.findContours(
        covered.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    width = max(1, round(max(covered.shape) / 112))
    drawn = np.ascontiguousarray(image).copy()
    cv2.drawContours(drawn, rims, -1, (0, 0, 0), width + 2)
    cv2.drawContours(drawn, rims, -1, (255, 255, 255), width)
    return drawn


def data_uri(image: Image) -> str:
    """Encode for a web page: small pictures as PNG, others as WebP with some loss."""
    check_image(image)
    if max(image.shape[:2]) <= LOSSLESS_SIDE:
        kind, content = "png", encode_image(image)
    else:
        buffer = io.BytesIO()
        PIL.Image.fromarray(image).save(buffer, "WEBP", quality=WEBP_QUALITY)
        kind, content = "webp", buffer.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def display_size(image: Image) -> tuple[int, int]:
    """Width and height of a picture on the page, in CSS pixels.

    Small pictures are enlarged by a whole factor, so that every pixel is as large as
    the others; large ones are shown smaller, which keeps them crisp on fine screens.
    """
    height, width = image.shape[:2]
    longest = max(height, width)
    scale: float = max(1, round(DISPLAY_SIDE / longest))
    if longest > DISPLAY_SIDE:
        scale = DISPLAY_SIDE / longest
    return max(1, round(width * scale)), max(1, round(height * scale))
