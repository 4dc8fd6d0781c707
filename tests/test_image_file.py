"""Odd files beside whole ones: the right pixels, or an error that names the file."""

import logging

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.PngImagePlugin
import pytest

from dilo.errors import ImageError
from dilo.image import read_image, read_reduced, read_size
from pictures import encoded

GREY = np.linspace(0.1, 0.9, 48).reshape(6, 8)
CUT_EXIF = b"Exif\0\0MM\0*\0\0\0"


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("dtype", "scale", "warned"),
    [
        ("u2", 65535, None),
        ("u2", 16383, "as of 16383"),
        ("u2", 4095, "as of 4095"),
        ("u2", 1023, "as of 1023"),
        ("u2", 255, "as of 255"),
        ("i4", 4095, "as of 4095"),
        ("f4", 1, None),
        ("f4", 1.1, None),
        ("f4", 255, "as of 255"),
        ("f4", 4095, "as of 4095"),
        ("f4", 65535, None),
    ],
)
def test_deep_grey_is_read_by_the_least_depth_that_holds_it(
    kind, dtype, scale, warned, caplog
):
    if kind == "PNG" and dtype != "u2":
        pytest.skip("a PNG holds neither floats nor 32 bits")
    caplog.set_level(logging.WARNING, "dilo")
    image = read_image(encoded((GREY * scale).astype(dtype), kind))
    np.testing.assert_allclose(
        image[..., 0] / 255,
        GREY * min(scale, 1.1) / 1 if scale == 1.1 else GREY,
        atol=0.005,
    )
    assert [warned in text for text in caplog.messages] == ([True] if warned else [])


@pytest.mark.parametrize(
    "values", [GREY * 40, GREY * 4 - 2, GREY * 1e6, GREY * -1], ids=str
)
def test_floats_of_any_range_are_stretched_and_named(values, caplog, tmp_path):
    path = tmp_path / "odd.tif"
    path.write_bytes(encoded(values.astype("f4"), "TIFF"))
    shown = read_image(path)[..., 0].astype(int)
    order = values.ravel().argsort()
    assert (np.diff(shown.ravel()[order]) >= 0).all()
    assert shown.max() == 255
    assert "odd.tif" in caplog.text
    assert "stretched" in caplog.text


def test_what_a_tiff_states_holds_whatever_its_values():
    deep = encoded((GREY * 4095).astype("u2"), "TIFF", tiffinfo={281: 65535})
    assert read_image(deep).max() == round(0.9 * 4095 / 65535 * 255)


def test_values_that_are_no_numbers_are_named(caplog):
    values = GREY.astype("f4")
    values[0, :2] = np.nan, np.inf
    image = read_image(encoded(values, "TIFF"))[..., 0]
    np.testing.assert_allclose(image[1:] / 255, GREY[1:], atol=0.005)
    assert "NaN" in caplog.text


def test_a_constant_float_image_is_read():
    assert read_image(encoded(np.full((3, 4), -7, "f4"), "TIFF")).max() == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
@pytest.mark.parametrize("exif", [CUT_EXIF, CUT_EXIF[6:], b"Exif\0\0", b"\xff" * 40])
@pytest.mark.parametrize("more", [{}, {"dpi": (72, 72)}])
def test_damaged_exif_does_not_cost_the_pixels(kind, exif, more):
    image = np.full((20, 30, 3), 90, np.uint8)
    content = encoded(image, kind, exif=exif, **more)
    np.testing.assert_allclose(read_image(content), image, atol=3)
    assert read_size(content) == (20, 30)
    assert read_reduced(content, lambda h, w: 2)[0].shape == (10, 15, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "TIFF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_kind_of_file_is_turned_upright(kind, turn):
    image = np.full((16, 48, 3), 40, np.uint8)
    image[:8, :24] = 250  # in the upper left as the file has it
    options = {"tiffinfo": {274: turn}} if kind == "TIFF" else {}
    if kind != "TIFF":
        options["exif"] = PIL.Image.Exif()
        options["exif"][274] = turn
    content = encoded(image, kind, **options)
    upright = read_image(content)
    assert upright.shape == ((48, 16, 3) if turn > 4 else (16, 48, 3))
    assert read_size(content) == upright.shape[:2]
    height, width = upright.shape[:2]
    corners = upright[:: height - 1, :: width - 1, 0] > 128
    place = {1: 0, 2: 1, 3: 3, 4: 2, 5: 0, 6: 1, 7: 3, 8: 2}[turn]
    assert corners.ravel().tolist() == [k == place for k in range(4)]


def test_long_texts_do_not_cost_the_pixels():
    texts = PIL.PngImagePlugin.PngInfo()
    texts.add_text("story", "a" * 5_000_000, zip=True)
    image = np.full((4, 5, 3), 7, np.uint8)
    content = encoded(image, pnginfo=texts)
    np.testing.assert_array_equal(read_image(content), image)


def profile(**edits):
    """Make sRGB's profile under another name; edits rename its tags."""
    content = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    for name in ("sRGB", "sRGB".encode("utf-16-be")):
        text = name.encode() if isinstance(name, str) else name
        content = content.replace(text, b"\0" * len(text))
    if edits.get("swapped"):  # red is what the others call green
        content = content.replace(b"rXYZ", b"????", 1).replace(b"gXYZ", b"rXYZ", 1)
        content = content.replace(b"????", b"gXYZ", 1)
    return content


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WebP"])
def test_colours_of_another_profile_become_srgb(kind):
    image = np.full((16, 16, 3), (200, 40, 40), np.uint8)
    plain = read_image(encoded(image, kind))
    same = read_image(encoded(image, kind, icc_profile=profile()))
    np.testing.assert_allclose(same, plain, atol=2)
    turned = read_image(encoded(image, kind, icc_profile=profile(swapped=True)))
    np.testing.assert_allclose(turned, plain[..., [1, 0, 2]], atol=12)


def test_a_damaged_profile_is_named_and_passed_over(caplog):
    image = np.full((4, 5, 3), 7, np.uint8)
    read = read_image(encoded(image, icc_profile=b"no profile"))
    np.testing.assert_array_equal(read, image)
    assert "profile" in caplog.text


@pytest.mark.parametrize(
    "error", [RuntimeError("odd"), AttributeError(), SyntaxError("x"), MemoryError()]
)
def test_whatever_a_decoder_raises_belongs_to_its_file(error, monkeypatch, tmp_path):
    path = tmp_path / "odd.png"
    path.write_bytes(encoded(np.zeros((2, 2), np.uint8)))

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(PIL.PngImagePlugin.PngImageFile, "load", fail)
    with pytest.raises(ImageError, match=r"odd\.png: cannot be decoded"):
        read_image(path)
