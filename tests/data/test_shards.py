import io
import tarfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from dilo.data.image_set import SourceSet
from dilo.data.shards import Shards
from dilo.errors import ImageError, StoreError
from dilo.image import encode_image, encode_map

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
SQUARE = np.zeros((6, 8), np.float32)
SQUARE[1:5, 2:6] = 1


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    """Four images: a has a mask, b a black one, c a damaged one, d none."""
    image = encode_image(IMAGE)
    files = {
        "a.mask.png": encode_map(SQUARE),
        "a.png": image,
        "b.mask.png": encode_map(np.zeros_like(SQUARE)),
        "b.png": image,
        "c.mask.png": b"",
        "c.png": b"no image",
        "d.png": image,
    }
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return Shards([tmp_path / "x.tar"])


def test_masks_lie_beside_their_images(shards):
    assert [name in shards for name in shards.names] == [True, True, True, False]
    np.testing.assert_array_equal(shards.foreground("x/a.png"), SQUARE)
    for name in ("x/b.png", "x/d.png", "y/a.png"):
        assert shards.foreground(name) is None
        assert shards.is_empty(name)
    assert shards.path("x/d.png") == Path("x/d.mask.png")
    with pytest.raises(StoreError, match=r"x/c\.mask\.png: .*the file is empty"):
        shards.foreground("x/c.png")


def test_examples_come_with_their_masks_and_failures_with_their_names(shards):
    examples = SourceSet(source=shards, find_map=shards.foreground)
    np.testing.assert_array_equal(examples[0].image, IMAGE)
    np.testing.assert_array_equal(examples[0].saliency, SQUARE)
    assert examples[3].saliency is None
    with pytest.raises(ImageError, match=r"x/c\.png: .*not an image of a kind"):
        examples[2]


def test_masks_of_0_and_1_are_understood_and_labels_refused(tmp_path):
    def shard(name, values):
        mask = io.BytesIO()
        PIL.Image.fromarray(values.astype(np.uint8)).save(mask, "PNG")
        image = io.BytesIO()
        PIL.Image.new("RGB", (6, 4)).save(image, "JPEG")
        path = tmp_path / name
        with tarfile.open(path, "w") as tar:
            for member, content in (("a.jpg", image), ("a.mask.png", mask)):
                info = tarfile.TarInfo(member)
                info.size = len(content.getvalue())
                tar.addfile(info, io.BytesIO(content.getvalue()))
        return Shards([path])

    disc = np.arange(24).reshape(4, 6) > 11
    shards = shard("good.tar", disc)
    np.testing.assert_array_equal(shards.foreground(shards.names[0]), disc)
    with pytest.raises(StoreError, match="holds the values 0, 1, 2, 3"):
        shard("labels.tar", disc * (1 + np.arange(6) // 2)).check_masks()
