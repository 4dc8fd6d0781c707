"""Damaged files at every door: an Image, or an ImageError that names the file."""

import io
import multiprocessing
import resource
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from dilo.errors import DiloError, ImageError
from dilo.image import check_image, read_image, read_map, read_reduced, read_size
from dilo.mask_files import PlainMasks

COUNT = 2000  # files
SECONDS = 60  # a fifth is enough on a quiet machine
GIGABYTE = 1 << 20  # in the unit of ru_maxrss, kilobytes


def whole_files():
    """One photograph in many kinds of file, with EXIF and a profile."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    photo = PIL.Image.fromarray(pixels).resize((48, 32))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    kinds = [
        *[("JPEG", {"quality": 90}), ("JPEG", {"progressive": True, "exif": exif})],
        *[("PNG", {"exif": exif}), ("WebP", {"lossless": True}), ("WebP", {})],
        *[("TIFF", {}), ("TIFF", {"compression": "tiff_deflate"}), ("BMP", {})],
        ("GIF", {}),
    ]
    files = []
    for kind, options in kinds:
        for mode in ("RGB", "L"):
            buffer = io.BytesIO()
            photo.convert(mode).save(buffer, kind, **options)
            files.append(buffer.getvalue())
    return files


def damaged(files, rng):
    """Cut, flip bits of, or give the head of another to one of some files."""
    content = bytearray(files[rng.integers(len(files))])
    kind = rng.integers(4)
    if kind == 0:
        return bytes(content[: rng.integers(len(content))])
    if kind == 1:
        head = files[rng.integers(len(files))][: rng.integers(64)]
        return bytes(head + content[len(head) :])
    # Most of what can go wrong is said in the head.
    end = len(content) if kind == 2 else min(64, len(content))
    for place in rng.integers(end, size=rng.integers(1, 8)):
        content[place] ^= 1 << rng.integers(8)
    return bytes(content)


def feed_all_doors(folder):
    rng, files = np.random.default_rng(1), whole_files()
    path, read = folder / "damaged.img", 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(COUNT):
        path.write_bytes(damaged(files, rng))
        for door in (
            read_image,
            read_size,
            read_map,
            lambda file: read_reduced(file, lambda height, width: 2)[0],
            PlainMasks(kind="two values").read,
        ):
            try:
                found = door(path)
            except DiloError as error:
                assert "damaged.img: " in str(error)  # noqa: PT017
            else:
                if door is read_image:
                    check_image(found)
                    read += 1
    assert 0.1 * COUNT < read < 0.9 * COUNT
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert most - before < GIGABYTE


def test_damaged_files_end_no_process_and_take_no_gigabyte(tmp_path):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=feed_all_doors, args=(Path(tmp_path),))
    process.start()
    process.join(SECONDS)
    hangs = process.is_alive()
    process.kill()
    assert not hangs
    assert process.exitcode == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WebP", "GIF", "BMP"])
def test_half_a_file_is_an_error(kind):
    buffer = io.BytesIO()
    PIL.Image.effect_noise((60, 40), 90).convert("RGB").save(buffer, kind)
    half = buffer.getvalue()[: buffer.tell() // 2]
    with pytest.raises(ImageError):
        read_image(half)
