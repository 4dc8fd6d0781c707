"""Image and Map: reading them from any file, and checking them at the public boundary.

Image: uint8 (H, W, 3), sRGB, upright. Map: float32 (H, W) in [0, 1], foreground
saliency used as a soft alpha.
"""

import io
import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from dilo.decoder_noise import NamedNoise
from dilo.errors import InputError
from dilo.image_file import (
    MAX_PIXELS,
    ImageFile,
    eight_bits,
    load,
    name_of,
    opened,
    read_content,
    to_rgb,
    upright_size,
)
from dilo.jpeg import decode_plain
from dilo.side_files import drawn_here

Image = NDArray[np.uint8]  # (H, W, 3)
Map = NDArray[np.float32]  # (H, W)

# Mean and standard deviation of the channels of ImageNet, scaled to [0, 1]. With batch
# norm behind them the exact values do not matter, but every public checkpoint expects
# these.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

Pixels = TypeVar("Pixels", Image, Map)

_RESIZABLE = (np.uint8, np.float32, np.float64)


def read_image(source: ImageFile) -> Image:
    """Read an image file of any kind as an upright sRGB Image.

    Grey, palette, CMYK and deep images are converted to 8-bit RGB and other colour
    profiles to sRGB, transparent pixels are shown on white, EXIF orientation is
    applied, and of an animation the first frame is taken (docs/inputs.md).

    Raises:
        ImageError: the file is missing, empty, truncated, no image, or of more than
            `MAX_PIXELS`, which is found before decoding.
    """
    content, name = read_content(source), name_of(source)
    with NamedNoise(name):
        plain = decode_plain(content, MAX_PIXELS)
    if plain is not None:
        return plain
    return np.asarray(to_rgb(load(content, name)[0], name))


def read_reduced(
    source: ImageFile, factor: Callable[[int, int], int]
) -> tuple[Image, tuple[int, int]]:
    """Read an image file at a fraction of its size; else as `read_image`.

    JPEG files are decoded at 1/2, 1/4 or 1/8, which is faster than at full size and
    takes little memory; what is still too large then is averaged in areas.

    Args:
        source: a path, or the bytes of a file.
        factor: (height, width) -> what both are divided by, rounding up.

    Returns:
        The reduced Image, and the height and width of the whole upright image.

    Raises:
        ImageError: as for `read_image`.
    """
    name = name_of(source)
    loaded, (height, width) = load(read_content(source), name, factor)
    divisor = factor(height, width)
    rows, columns = -(-height // divisor), -(-width // divisor)
    image = np.asarray(to_rgb(loaded, name))
    if image.shape[:2] != (rows, columns):
        image = resize(image, rows, columns)
    return image, (height, width)


def read_size(source: ImageFile) -> tuple[int, int]:
    """Read the height and width of the upright image, mostly from its head alone.

    Raises:
        ImageError: the file is missing, empty or no image.
    """
    with opened(source, name_of(source)) as image:
        return upright_size(image)


def read_map(source: ImageFile) -> Map:
    """Read a grey image file as a Map: black is 0, white is 1.

    Raises:
        ImageError: as for `read_image`.
    """
    return _read_grey(source).astype(np.float32) / np.float32(255)


def read_mask(source: ImageFile) -> NDArray[np.bool_]:
    """Read a ground-truth mask, (H, W): foreground is brighter than 128 of 255.

    Raises:
        ImageError: as for `read_image`.
    """
    return _read_grey(source) > 128


def encode_map(saliency: Map) -> bytes:
    """Encode a Map as an 8-bit grey PNG."""
    # Level 3 takes half the time of the usual 6 for a file a seventh larger.
    return _encode(to_bytes(saliency), compress_level=3)


def encode_image(image: Image) -> bytes:
    """Encode an Image as PNG."""
    check_image(image)
    return _encode(image)


def encode_drawing(drawing: NDArray[np.uint8]) -> bytes:
    """Encode a picture for people, (H, W) or (H, W, 3), as PNG with our mark."""
    return _encode(drawing, pnginfo=drawn_here())


def to_bytes(saliency: Map) -> NDArray[np.uint8]:
    """Round a Map to 8 bits, uint8 (H, W): what a grey file can hold of it.

    Raises:
        InputError: `saliency` is no Map.
    """
    check_map(saliency)
    return np.rint(saliency * np.float32(255)).astype(np.uint8)


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Scale to a size: averaging areas down, bilinear up, never nearest.

    Raises:
        InputError: `pixels` is not uint8 or float (H, W) or (H, W, C) with at least one
            pixel, or the size is below 1.
    """
    if not isinstance(pixels, np.ndarray) or pixels.dtype not in _RESIZABLE:
        kind = getattr(pixels, "dtype", type(pixels).__name__)
        raise InputError(f"pixels are an array of uint8 or float, got {kind}")
    if pixels.ndim not in (2, 3) or pixels.size == 0:
        raise InputError(f"pixels are (H, W) or (H, W, C), got {pixels.shape}")
    if height < 1 or width < 1:
        raise InputError(f"the size is at least 1 x 1, got {height} x {width}")
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = pixels.shape[0] >= height and pixels.shape[1] >= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cast(Pixels, cv2.resize(pixels, (width, height), interpolation=method))


def same_aspect(shape: tuple[int, ...], map_shape: tuple[int, ...]) -> bool:
    """Say whether a map can lie over an image, but for rounding of their sizes."""
    (height, width), (rows, columns) = shape, map_shape
    # A map stored at a smaller size has its sides rounded to whole pixels.
    slack = 1.0 / min(rows, columns) + 0.01
    return abs(math.log(height * columns / (width * rows))) <= slack


def check_image(image: Image) -> None:
    """Check that `image` is an Image.

    Raises:
        InputError: it is not uint8 (H, W, 3) with at least one pixel.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f"an image is a numpy array, got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(
            f"an image is uint8 (H, W, 3), got {image.dtype} {image.shape}"
        )
    if image.size == 0:
        raise InputError(f"an image has at least one pixel, got shape {image.shape}")


def check_map(saliency: Map) -> None:
    """Check that `saliency` is a Map.

    Raises:
        InputError: it is not float32 (H, W) with finite values in [0, 1].
    """
    if not isinstance(saliency, np.ndarray):
        raise InputError(f"a map is a numpy array, got {type(saliency).__name__}")
    if saliency.dtype != np.float32 or saliency.ndim != 2 or saliency.size == 0:
        raise InputError(
            f"a map is float32 (H, W), got {saliency.dtype} {saliency.shape}"
        )
    low, high = saliency.min(), saliency.max()
    if not (low >= 0 and high <= 1):  # also catches NaN
        raise InputError(f"a map lies in [0, 1], got values from {low} to {high}")


def _encode(pixels: NDArray[np.uint8], **options: Any) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def _read_grey(source: ImageFile) -> NDArray[np.uint8]:
    name = name_of(source)
    return np.asarray(
        eight_bits(load(read_content(source), name)[0], name).convert("L")
    )
