import io
import warnings

import numpy as np
import PIL.Image
import pytest

import dilo.image
from dilo.errors import ImageError
from dilo.image import read_image
from dilo.jpeg import decode_plain

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999'
    b'/02/22-rdf-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/'
    b'1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def encoded(mode: str = "RGB", **options: object) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    stream = io.BytesIO()
    picture = PIL.Image.fromarray(noise).resize((40, 24)).convert(mode)
    picture.save(stream, "JPEG", **options)
    return stream.getvalue()


def exif(orientation: int) -> PIL.Image.Exif:
    data = PIL.Image.Exif()
    data[0x0112] = orientation
    return data


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"exif": exif(1)}, {"comment": b"a" * 999}]
)
def test_plain_files_are_decoded(options):
    content = encoded(**options)
    decoded = decode_plain(content, 24 * 40)
    expected = np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize(
    "content",
    [
        encoded("L"),
        encoded("CMYK"),
        encoded(exif=exif(3)),
        encoded(xmp=XMP),
        encoded(exif=exif(1), xmp=XMP),
        encoded()[:-2],
        encoded()[:300],
        b"",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe1\x00\x08Exif\0\0\xff\xd9",
        b"\x89PNG\r\n",
    ],
    ids=range(11),
)
def test_all_others_are_left_to_pillow(content):
    assert decode_plain(content, 10**6) is None


def test_what_has_too_many_pixels_is_not_decoded():
    assert decode_plain(encoded(), 24 * 40 - 1) is None


def test_an_orientation_told_by_xmp_alone_is_applied():
    assert read_image(encoded(xmp=XMP)).shape == (40, 24, 3)


def size(content: bytes) -> tuple[int, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a damaged head
        return PIL.Image.open(io.BytesIO(content)).size


def test_a_damaged_head_is_an_image_of_its_size_or_an_error(monkeypatch):
    monkeypatch.setattr(dilo.image, "MAX_PIXELS", 10**5)
    content = encoded(exif=exif(1))
    rng = np.random.default_rng(0)
    start = content.index(b"\xff\xda")  # of the pixels
    errors = 0
    for place in range(2, start):
        damaged = bytearray(content)
        damaged[place] = rng.integers(256)
        try:
            image = read_image(bytes(damaged))
        except ImageError:
            errors += 1
        else:
            assert image.shape[:2] in (size(damaged), size(damaged)[::-1])
    assert 10 < errors < start
