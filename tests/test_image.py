import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dilo.image
import dilo.image_file
from dilo.errors import DiloError, ImageError, InputError
from dilo.image import (
    check_image,
    check_map,
    encode_image,
    encode_map,
    read_image,
    read_map,
    read_mask,
    read_size,
)
from pictures import encoded


def scene():
    """Left half red, right half blue, upper left quarter white."""
    image = np.zeros((20, 32, 3), np.uint8)
    image[:, :16, 0] = 255
    image[:, 16:, 2] = 255
    image[:10, :16] = 255
    return image


def png_header(width, height):
    """The start of a PNG that says it is of this size, and no pixels."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WebP", "JPEG"])
def test_every_kind_of_file_is_read(kind, tmp_path):
    options = {"WebP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}
    content = encoded(scene(), kind, **options.get(kind, {}))
    path = tmp_path / "image"
    path.write_bytes(content)
    for source in (content, path, str(path)):
        image = read_image(source)
        check_image(image)
        np.testing.assert_allclose(image, scene(), atol=40 if kind == "JPEG" else 0)


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_orientation_of_the_camera_is_applied(turn):
    undo = {
        1: lambda image: image,
        2: lambda image: image[:, ::-1],
        3: lambda image: image[::-1, ::-1],
        4: lambda image: image[::-1],
        5: lambda image: image.swapaxes(0, 1),
        6: lambda image: np.rot90(image),
        7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
        8: lambda image: np.rot90(image, -1),
    }
    exif = PIL.Image.Exif()
    exif[0x0112] = turn
    stored = np.ascontiguousarray(undo[turn](scene()))
    np.testing.assert_array_equal(read_image(encoded(stored, exif=exif)), scene())


def test_grey_becomes_three_equal_channels():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(
        read_image(encoded(grey)), np.repeat(grey[..., None], 3, axis=2)
    )


def test_one_bit_images_are_black_and_white():
    bits = PIL.Image.fromarray(scene()[..., 0]).convert("1")
    assert set(np.unique(read_image(encoded(bits)))) == {0, 255}


def test_a_palette_is_looked_up():
    palette = PIL.Image.fromarray(scene()).quantize(3, dither=0)
    assert palette.mode == "P"
    np.testing.assert_array_equal(read_image(encoded(palette)), scene())


def test_transparent_pixels_are_white():
    image = np.zeros((2, 2, 4), np.uint8)
    image[0, 0] = (10, 20, 30, 255)
    image[1, 1] = (0, 0, 0, 51)
    shown = read_image(encoded(image))
    np.testing.assert_array_equal(shown[0, 0], (10, 20, 30))
    np.testing.assert_array_equal(shown[0, 1], (255, 255, 255))
    np.testing.assert_array_equal(shown[1, 1], (204, 204, 204))
    grey = PIL.Image.fromarray(image[..., [0, 3]], "LA")
    assert read_image(encoded(grey))[0, 1].tolist() == [255, 255, 255]


def test_a_transparent_palette_entry_is_white():
    palette = PIL.Image.fromarray(scene()).quantize(3, dither=0)
    blue = palette.getpixel((31, 0))
    shown = read_image(encoded(palette, transparency=blue))
    np.testing.assert_array_equal(shown[:, 16:], 255)
    np.testing.assert_array_equal(shown[:, :16], scene()[:, :16])


def test_a_transparent_grey_is_white():
    shown = read_image(encoded(np.array([[0, 90]], np.uint8), transparency=0))
    assert shown[0].tolist() == [[255] * 3, [90] * 3]


def test_cmyk_is_converted():
    cmyk = PIL.Image.fromarray(scene()).convert("CMYK")
    shown = read_image(encoded(cmyk, "JPEG", quality=95))
    np.testing.assert_allclose(shown, scene(), atol=60)
    assert shown[15, 4].argmax() == 0
    assert shown[15, 28].argmax() == 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut(kind):
    deep = (np.arange(12, dtype=np.uint16) * 5957).reshape(3, 4)  # up to 65527
    image = read_image(encoded(deep, kind))
    np.testing.assert_array_equal(image[..., 0], np.rint(deep / 257))


def test_of_an_animation_the_first_frame_is_taken():
    frames = [PIL.Image.new("RGB", (5, 4), color) for color in ("red", "blue")]
    for kind in ("WebP", "PNG", "TIFF"):
        options = {"lossless": True} if kind == "WebP" else {}
        content = encoded(
            frames[0], kind, save_all=True, append_images=frames[1:], **options
        )
        assert read_image(content)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WebP", "JPEG"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_truncated_file_is_named(kind, share, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    content = encoded(noise, kind)
    path = tmp_path / "image.jpg"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match=r"image\.jpg: "):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"no image", "not an image of a kind we can read"),
        (b"\x89PNG\r\n\x1a\n", r"not an image|cannot be decoded"),
        (b"\0" * 5000, "not an image"),
    ],
)
def test_what_is_no_image_is_named(content, message, tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"image\.png: .*({message})"):
        read_image(path)
    with pytest.raises(ImageError, match=message):
        read_image(content)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(ImageError, match="none: No such file"):
        read_image(tmp_path / "none")
    with pytest.raises(ImageError, match=tmp_path.name):
        read_image(tmp_path)


@pytest.mark.parametrize("size", [(20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_decoding(size):
    with pytest.raises(ImageError, match=r"pixels are more than the limit|decode"):
        read_image(png_header(*size))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_limit_of_pixels_is_the_largest_size(monkeypatch, kind):
    content = encoded(scene(), kind)
    for limit in (640, 639):
        for module in (dilo.image, dilo.image_file):
            monkeypatch.setattr(module, "MAX_PIXELS", limit)
        if limit == 640:
            assert read_image(content).shape == (20, 32, 3)
    with pytest.raises(ImageError, match=r"32 x 20 pixels are more than .* 639"):
        read_image(content)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_give_an_image_or_an_image_error(data):
    kind = data.draw(st.sampled_from(["PNG", "BMP", "TIFF", "WebP", "JPEG"]))
    content = bytearray(encoded(scene(), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dilo.image, "MAX_PIXELS", 10**6)
        try:
            image = read_image(bytes(content))
        except ImageError:
            return
    check_image(image)


def test_maps_survive_the_round_trip_to_half_a_grey_level():
    saliency = np.random.default_rng(0).random((7, 9), np.float32)
    again = read_map(encode_map(saliency))
    check_map(again)
    np.testing.assert_allclose(again, saliency, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(read_map(encode_map(again)), again)


def test_images_survive_the_round_trip():
    np.testing.assert_array_equal(read_image(encode_image(scene())), scene())


def test_a_mask_is_brighter_than_128():
    grey = np.array([[0, 128, 129, 255]], np.uint8)
    assert read_mask(encoded(grey)).tolist() == [[False, False, True, True]]


def test_a_mask_of_another_mode_is_read_as_it_looks():
    bits = PIL.Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert read_mask(encoded(bits)).tolist() == [[False, True]]
    rgba = np.array([[[0, 0, 0, 255], [255, 255, 255, 255]]], np.uint8)
    assert read_mask(encoded(rgba)).tolist() == [[False, True]]
    deep = np.array([[0, 65535]], np.uint16)
    assert read_mask(encoded(deep)).tolist() == [[False, True]]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((2, 3), np.uint8),
        np.zeros((2, 3, 4), np.uint8),
        np.zeros((2, 3, 3)),
        np.zeros((0, 3, 3), np.uint8),
        [[[0, 0, 0]]],
    ],
)
def test_what_is_no_image_array_is_refused(image):
    with pytest.raises(InputError, match="an image"):
        check_image(image)


@pytest.mark.parametrize(
    "saliency",
    [
        np.zeros((2, 3)),
        np.zeros((2, 3, 1), np.float32),
        np.zeros((0, 3), np.float32),
        np.full((2, 3), np.nan, np.float32),
        np.full((2, 3), -0.1, np.float32),
        np.full((2, 3), 1.1, np.float32),
        [[0.0]],
    ],
)
def test_what_is_no_map_is_refused(saliency):
    with pytest.raises(InputError, match="a map"):
        check_map(saliency)


def test_an_input_error_is_a_value_error_too():
    assert issubclass(InputError, ValueError)
    assert issubclass(ImageError, DiloError)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_size_is_that_of_the_upright_image(tmp_path, kind, orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    PIL.Image.new("RGB", (8, 5)).save(tmp_path / "a", kind, exif=exif)
    for source in (tmp_path / "a", (tmp_path / "a").read_bytes()):
        assert read_size(source) == read_image(source).shape[:2]


def test_what_is_no_image_has_no_size(tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(ImageError, match=r"text\.jpg: not an image"):
        read_size(tmp_path / "text.jpg")
    with pytest.raises(ImageError, match=r"none\.jpg: cannot be decoded"):
        read_size(tmp_path / "none.jpg")


@pytest.mark.parametrize("subsampling", [0, 1, 2])  # 4:4:4, 4:2:2, 4:2:0
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 20}])
@pytest.mark.parametrize("size", [(64, 48), (37, 23), (1, 1), (8, 300)])
def test_plain_jpegs_have_the_pixels_that_pillow_gives(subsampling, options, size):
    rng = np.random.default_rng(size[0])
    picture = PIL.Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8))
    stream = io.BytesIO()
    picture.resize(size).save(stream, "JPEG", subsampling=subsampling, **options)
    expected = np.asarray(PIL.Image.open(stream).convert("RGB"))
    np.testing.assert_array_equal(read_image(stream.getvalue()), expected)


def test_a_jpeg_that_is_cut_off_is_refused_wherever_it_ends(tmp_path):
    path = tmp_path / "cut.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    PIL.Image.fromarray(noise).save(path)
    content = path.read_bytes()
    for length in range(4, len(content) - 2, 997):
        path.write_bytes(content[:length])
        with pytest.raises(ImageError, match=r"cut\.jpg"):
            read_image(path)


def test_bytes_behind_the_end_of_a_jpeg_do_no_harm():
    stream = io.BytesIO()
    PIL.Image.new("RGB", (9, 7), "teal").save(stream, "JPEG")
    expected = read_image(stream.getvalue())
    np.testing.assert_array_equal(read_image(stream.getvalue() + b"\0\0"), expected)
