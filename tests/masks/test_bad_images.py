"""Odd and broken files in a job: each gives the right map or is a named failure."""

import io
import os
from functools import partial

import numpy as np
import PIL.Image
import pytest

from dilo.masks import MaskStore, compute_masks
from dilo.saliency import METHODS, estimate

SQUARE = (slice(20, 45), slice(30, 60))
RNG = np.random.default_rng(0)


def scene():
    """A red square on light grey, as a Pillow image of 80 x 60."""
    pixels = np.full((60, 80, 3), 200, np.uint8)
    pixels[SQUARE] = (200, 30, 40)
    return PIL.Image.fromarray(pixels)


def noise(height, width):
    return PIL.Image.fromarray(RNG.integers(0, 256, (height, width, 3), np.uint8))


def save(path, image, **options):
    with open(path, "wb") as file:  # a name need not be valid text for Pillow
        image.save(file, **{"format": "PNG", **options})


def write_odd_kinds(folder):
    """Write the scene in every way that needs a conversion; return the names."""
    grey = np.asarray(scene().convert("L"))
    deep = PIL.Image.fromarray(grey.astype(np.uint16) * 257)
    black = PIL.Image.new("RGB", scene().size)
    frames = {"save_all": True, "append_images": [black]}
    save(folder / "bits.png", scene().convert("1", dither=PIL.Image.Dither.NONE))
    save(folder / "palette.png", scene().quantize(4), transparency=0)
    save(folder / "grey_alpha.png", scene().convert("LA"))
    save(folder / "cmyk.jpg", scene().convert("CMYK"), format="JPEG")
    save(folder / "deep.png", deep)
    save(folder / "deep_tiff.tif", deep, format="TIFF")
    save(
        folder / "float.tiff",
        PIL.Image.fromarray(grey / np.float32(255)),
        format="TIFF",
    )
    # Of what moves the first frame counts; the others are black.
    save(folder / "moving.webp", scene(), format="WebP", lossless=True, **frames)
    save(folder / "moving_gif.jpg", scene(), format="GIF", **frames)
    save(folder / "moving_png.png", scene(), **frames)
    return sorted(path.name for path in folder.iterdir())


def write_odd_names(folder):
    """Write the scene under names that are hard to handle; return the names."""
    names = ["a\nb.png", "写真 ü.png", "with space.png", "-dash.png", "'\"%s$x.PNG"]
    names += [
        "a" * 250 + ".png",
        os.fsdecode(b"caf\xe9.png"),
        "a.b.jpg.png",
        "deep/-/x.png",
    ]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save(folder / name, scene())
    return sorted(names)


def write_featureless(folder):
    """Write images that show no object, some of hardly any pixel; return the sizes."""
    images = {
        "one.png": noise(1, 1),
        "line.png": noise(1, 80),
        "column.png": noise(9, 1),
        "wide.png": noise(3, 2000),
        "tall.png": noise(2000, 3),
        "flat.png": PIL.Image.new("RGB", (80, 60), (9, 90, 200)),
        "noise.png": noise(60, 80),
    }
    for name, image in images.items():
        save(folder / name, image)
    return {name: (image.height, image.width) for name, image in images.items()}


def write_broken(folder):
    """Write what gives no map; return the start of the reason for each name."""
    for kind in ("JPEG", "PNG"):
        buffer = io.BytesIO()
        noise(60, 80).save(buffer, kind)
        content = buffer.getvalue()
        (folder / f"cut.{kind}.{kind}").write_bytes(content[: len(content) // 2])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no image")
    (folder / "link.jpg").symlink_to("nowhere.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "folder.jpg").mkdir()  # no file: not among the images
    return {
        "cut.JPEG.JPEG": "cannot be decoded",
        "cut.PNG.PNG": "cannot be decoded",
        "empty.jpg": "the file is empty",
        "text.jpg": "not an image",
        "link.jpg": "No such file",
        "loop.jpg": "Too many levels of symbolic links",
    }


@pytest.fixture
def images(tmp_path):
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def job(images, method="rbd", workers=1):
    """Run a job and return its report and store, read anew."""
    store = MaskStore.create(images.parent / method, method)
    report = compute_masks(images, store, partial(estimate, method=method), workers)
    return report, MaskStore.open(store.folder)


def shows_square(saliency):
    outside = np.ones(saliency.shape, bool)
    outside[SQUARE] = False
    return saliency[SQUARE].mean() > 0.9 and saliency[outside].mean() < 0.1


def test_odd_kinds_of_files_give_the_map_of_what_they_show(images):
    names = write_odd_kinds(images)
    report, store = job(images)
    assert report.failures == {}
    assert [name for name in names if not shows_square(store[name])] == []


def test_a_photograph_taken_upright_has_an_upright_map(images):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    save(
        images / "turned.jpg", scene().rotate(90, expand=True), format="JPEG", exif=exif
    )
    _, store = job(images)
    assert store["turned.jpg"].shape == (60, 80)
    assert shows_square(store["turned.jpg"])


@pytest.mark.parametrize("workers", [1, 2])
def test_odd_names_keep_their_maps(images, workers):
    names = write_odd_names(images)
    report, store = job(images, workers=workers)
    assert report.failures == {}
    assert store.names() == names
    assert [name for name in names if not shows_square(store[name])] == []
    assert job(images)[0].kept == len(names)  # found again


@pytest.mark.parametrize("workers", [1, 2])
def test_broken_files_are_named_and_the_rest_is_done(images, workers):
    reasons = write_broken(images)
    save(images / "whole.png", scene())
    report, store = job(images, workers=workers)
    assert {
        name: reason[: len(reasons[name])] for name, reason in report.failures.items()
    } == reasons
    assert store.names() == ["whole.png"]
    assert "link.jpg: No such file" in report.summary()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_map_of_every_size_and_none_of_nothing(images, method):
    sizes = write_featureless(images)
    report, store = job(images, method)
    assert report.failures == {}
    assert {name: store[name].shape for name in store.names()} == sizes
    assert store.is_empty("flat.png")
    assert store.is_empty("one.png")


def test_rbd_finds_nothing_in_hardly_any_pixels(images):
    write_featureless(images)
    _, store = job(images)
    assert set(filter(store.is_empty, store.names())) >= {
        "one.png",
        "line.png",
        "column.png",
        "flat.png",
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_hang_the_job(images):
    os.mkfifo(images / "pipe.jpg")
    save(images / "whole.png", scene())
    report, _ = job(images)
    assert report.failures == {"pipe.jpg": "the file is empty"}
