"""Decode image files of any kind with Pillow: upright, eight bits a channel, sRGB.

What is odd about a file but does not keep its pixels from being read is logged by its
name, to the logger `dilo`.
"""

import functools
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageCms
from PIL.Image import Transpose
from PIL.JpegImagePlugin import JpegImageFile

from dilo.decoder_noise import NamedNoise
from dilo.errors import ImageError

ImageFile = str | Path | bytes

# A file of a few kilobytes can ask to be expanded to gigabytes. Pillow refuses more
# pixels than this whatever we say; few cameras make half of them.
MAX_PIXELS = 178_000_000

# Depths that cameras and instruments have, by their largest values.
_TOPS = (255, 1023, 4095, 16383, 65535)
_SLIGHTLY_ABOVE_ONE = 1.1  # floats that were scaled to [0, 1], and resampled
_MAX_SAMPLE_VALUE, _S_MAX_SAMPLE_VALUE = 281, 341  # tags of TIFF

_TURNS = {  # by the orientation in EXIF
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_QUARTER_TURNS = {5, 6, 7, 8}

_TOP = "largest possible value"  # in `info` of an image, where its file states it

_PNG_START, _PNG_TEXTS = b"\x89PNG\r\n\x1a\n", {b"tEXt", b"zTXt", b"iTXt"}

_log = logging.getLogger("dilo")


def read_content(source: ImageFile) -> bytes:
    """Read a file, which is not empty.

    Raises:
        ImageError: it is, or cannot be read.
    """
    try:
        if not isinstance(source, bytes):  # not to wait for a pipe
            source = Path(source)
            content = source.read_bytes() if source.stat().st_size else b""
        else:
            content = source
    except OSError as error:
        raise ImageError(f"{source!s}: {error.strerror}") from error
    if not content:
        raise ImageError(f"{name_of(source)}: the file is empty")
    return content


def load(
    content: bytes,
    name: str,
    factor: Callable[[int, int], int] | None = None,
) -> tuple[PIL.Image.Image, tuple[int, int]]:
    """Decode and turn upright, in the file's own mode.

    Args:
        content: of the file.
        name: of the file, for messages.
        factor: as for `dilo.image.read_reduced`: a JPEG file is decoded at a size
            between the full and the wanted one.

    Returns:
        The image, and height and width of the whole upright image.

    Raises:
        ImageError: as for `dilo.image.read_image`.
    """
    with opened(_without_texts(content), name) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ImageError(
                f"{name}: {width} x {height} pixels are more than the limit "
                f"of {MAX_PIXELS}; scale it down first"
            )
        if factor is not None and isinstance(image, JpegImageFile):
            divisor = factor(height, width)
            image.draft(None, (width // divisor or 1, height // divisor or 1))
        image.load()
        turn = _orientation(image)  # Pillow has turned a TIFF by now
        upright = image.transpose(_TURNS[turn]) if turn in _TURNS else image.copy()
        upright.info[_TOP] = _stated_top(image)
        size = (width, height) if turn in _QUARTER_TURNS else (height, width)
        return upright, size


def name_of(source: ImageFile) -> str:
    """Name a source in an error message."""
    return f"<{len(source)} bytes>" if isinstance(source, bytes) else str(source)


@contextmanager
def opened(source: ImageFile, name: str) -> Iterator[PIL.Image.Image]:
    """Open a file with Pillow; whatever its decoders raise becomes an ImageError."""
    try:
        with NamedNoise(name), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd but usable files
            stream = io.BytesIO(source) if isinstance(source, bytes) else source
            with PIL.Image.open(stream) as image:
                yield image
    except ImageError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise ImageError(f"{name}: not an image of a kind we can read") from error
    except PIL.Image.DecompressionBombError as error:
        raise ImageError(
            f"{name}: its pixels are more than the limit of {MAX_PIXELS}; scale it down"
        ) from error
    except Exception as error:  # they raise errors of many kinds
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name}: cannot be decoded ({reason})") from error


def upright_size(image: PIL.Image.Image) -> tuple[int, int]:
    """Give height and width of the upright image, of an opened file.

    Of a TIFF Pillow tells them as they are after turning.
    """
    width, height = image.size
    turned = image.format != "TIFF" and _orientation(image) in _QUARTER_TURNS
    return (width, height) if turned else (height, width)


def to_rgb(image: PIL.Image.Image, name: str = "image") -> PIL.Image.Image:
    """Convert to eight bits, sRGB; transparent pixels are shown on white."""
    profile = image.info.get("icc_profile")
    image = eight_bits(image, name)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or (
        "transparency" in image.info
    ):
        white = PIL.Image.new("RGBA", image.size, "white")
        image = PIL.Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    if profile and image.mode in ("RGB", "L", "CMYK") and not is_srgb(profile):
        try:
            return _to_srgb(profile, image.mode).apply(image)
        except (PIL.ImageCms.PyCMSError, OSError, ValueError) as error:
            _log.warning("%s: its colour profile cannot be used (%s)", name, error)
    return image.convert("RGB")


def is_srgb(profile: bytes) -> bool:
    """Tell an ICC profile of sRGB by its description, in ASCII or in UTF-16."""
    return b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile


def eight_bits(image: PIL.Image.Image, name: str = "image") -> PIL.Image.Image:
    """Scale 16-bit, 32-bit integer or float grey to 8 bits.

    Pillow's own conversion cuts such levels off at 255. White is what the file states,
    1 for floats up to there, or else the largest value of the least depth that holds
    all values: 8, 10, 12, 14 or 16 bits; other values are stretched. See
    docs/inputs.md.
    """
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image, dtype=np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        _log.warning("%s: NaN or infinite values are read as black", name)
        values = np.where(finite, values, 0)
    low, high = min(0.0, values.min()), values.max()
    top = image.info.get(_TOP) or _likely_top(image.mode, low, high)
    if top is None:
        _log.warning("%s: values of %g to %g are stretched to grey", name, low, high)
        values, top = values - low, (high - low) or 1.0
    elif top not in (1, 65535, image.info.get(_TOP)):
        _log.warning("%s: values up to %g are read as of %g", name, high, top)
    return PIL.Image.fromarray(np.rint(values / top * 255).clip(0, 255).astype("u1"))


def _stated_top(image: PIL.Image.Image) -> float | None:
    """Give the largest possible value by a TIFF's tags."""
    tags: Any = getattr(image, "tag_v2", {})
    value = tags.get(_S_MAX_SAMPLE_VALUE) or tags.get(_MAX_SAMPLE_VALUE)
    value = value[0] if isinstance(value, tuple) else value
    return float(value) if isinstance(value, (int, float)) and value > 0 else None


def _likely_top(mode: str, low: float, high: float) -> float | None:
    """Guess the largest possible value by those that are there."""
    if low < 0 or high > _TOPS[-1]:
        return None
    if mode == "F" and high <= _SLIGHTLY_ABOVE_ONE:
        return 1.0
    top = next(float(top) for top in _TOPS if high <= top)
    # Integers have bits; floats that reach half of a depth are likely to be of it.
    return None if mode == "F" and high < top / 2 else top


def _orientation(image: PIL.Image.Image) -> int:
    """Read the orientation in EXIF; as it is where EXIF is damaged."""
    try:
        return int(image.getexif().get(PIL.ExifTags.Base.Orientation, 1))
    except Exception:  # the reader of EXIF raises errors of many kinds
        return 1


def _without_texts(content: bytes) -> bytes:
    """Drop the texts of a PNG, of which Pillow refuses long ones with the pixels."""
    if not content.startswith(_PNG_START):
        return content
    kept, place = [_PNG_START], len(_PNG_START)
    while place < len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4])
        if content[place + 4 : place + 8] not in _PNG_TEXTS:
            kept.append(content[place:end])
        place = end
    return b"".join(kept)


@functools.lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> PIL.ImageCms.ImageCmsTransform:
    source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb = PIL.ImageCms.createProfile("sRGB")
    return PIL.ImageCms.buildTransform(source, srgb, mode, "RGB")
