"""The fast way into a JPEG file that needs nothing but decoding, as most do not."""

import warnings

import cv2
import numpy as np
import PIL.ExifTags
import PIL.Image
from numpy.typing import NDArray

from dilo.image_file import is_srgb

JPEG_START, _END = b"\xff\xd8\xff", b"\xff\xd9"
# Markers of frames that OpenCV decodes as Pillow does: baseline, extended, progressive.
_FRAMES = {0xC0, 0xC1, 0xC2}
_APP1, _EXIF = 0xE1, b"Exif\0\0"
_APP2, _ICC = 0xE2, b"ICC_PROFILE\0"


def decode_plain(content: bytes, max_pixels: int) -> NDArray[np.uint8] | None:
    """Decode an upright colour JPEG file: uint8 (H, W, 3); None of any other file.

    Pillow gives the same pixels in a quarter more time, for it copies them twice. What
    is grey, turned, cut off, too large, of other colours than sRGB or odd in any other
    way is left to it.
    """
    if not (content.startswith(JPEG_START) and content.endswith(_END)):
        return None
    shape = _plain_shape(content)
    if shape is None or shape[0] * shape[1] > max_pixels:
        return None
    try:
        decoded = cv2.imdecode(
            np.frombuffer(content, np.uint8),
            cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
        )
    except cv2.error:
        return None
    if decoded is None or decoded.shape[:2] != shape:
        return None
    return np.asarray(decoded, np.uint8)


def _plain_shape(content: bytes) -> tuple[int, int] | None:
    """Read height and width of eight bits in three colours; None if it is not so.

    Segments are a marker of two bytes, the length of what follows, and that.
    """
    place = 2
    while place + 10 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _FRAMES:
            bits, colours = content[place + 4], content[place + 9]
            height = int.from_bytes(content[place + 5 : place + 7])
            width = int.from_bytes(content[place + 7 : place + 9])
            return (height, width) if (bits, colours) == (8, 3) else None
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4])
        if marker == _APP1 and not _is_upright(content[place + 4 : end]):
            return None
        segment = content[place + 4 : end]
        if marker == _APP2 and segment.startswith(_ICC) and not is_srgb(segment):
            return None
        place = end
    return None


def _is_upright(segment: bytes) -> bool:
    """Tell whether a segment is EXIF that says so; XMP may say otherwise."""
    if not segment.startswith(_EXIF):
        return False
    exif = PIL.Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd but usable files
            exif.load(segment)
            return exif.get(PIL.ExifTags.Base.Orientation, 1) == 1
    except Exception:  # damaged EXIF raises errors of many kinds
        return False
