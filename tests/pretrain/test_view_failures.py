"""What fails one image is counted and named; what can never work is refused at once."""

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from dilo.errors import InputError
from dilo.pretrain import pretrain

ALWAYS = {"view.copy_paste.probability": 1.0, "view.copy_paste.ramp": 0.0}


@pytest.fixture
def copy(scenes: Path, tmp_path: Path) -> Path:
    """The scenes in a folder of the test's own."""
    return Path(shutil.copytree(scenes, tmp_path / "scenes"))


@pytest.fixture
def textures(tmp_path: Path) -> Path:
    """Six pictures."""
    folder = tmp_path / "textures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):  # JPEG, of which the head alone is read beforehand
        noise = rng.integers(0, 256, (24, 24, 3), np.uint8)
        PIL.Image.fromarray(noise).save(folder / f"{number}.jpg")
    return folder


def of(copy: Path, background: str) -> dict[str, object]:
    return {
        "images": str(copy / "images"),
        "masks": str(copy / "masks"),
        "view.copy_paste.background": background,
        **ALWAYS,
    }


def keep_masks(copy: Path, count: int) -> list[str]:
    """Delete all masks but the first; give the names that are left."""
    paths = sorted((copy / "masks").iterdir())
    for path in paths[count:]:
        path.unlink()
    return [path.name for path in paths[:count]]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_an_image_whose_background_fails_is_counted(tiny, copy, tmp_path, workers):
    first, second = keep_masks(copy, 2)
    (copy / "images" / second).write_bytes(b"no image")  # the other background
    config = tiny(epochs=1, workers=workers, **of(copy, "painted_out"))
    report = pretrain(config, tmp_path / "run")
    assert sorted(report.failures) == [first, second]
    reason = report.failures[first]
    assert reason.startswith(f"{first}: no other image has a foreground map, of 100")
    assert "2 files could not be used" in report.summary()


@pytest.mark.parametrize("mapped", [1, 2])
def test_painting_out_needs_two_images_with_a_map(tiny, copy, tmp_path, mapped):
    names = keep_masks(copy, 2)
    if mapped == 1:  # a map, but without a foreground
        PIL.Image.new("L", (32, 32)).save(copy / "masks" / names[0])
    config = tiny(epochs=1, **of(copy, "painted_out"))
    if mapped == 2:
        assert not pretrain(config, tmp_path / "run").failures
        return
    with pytest.raises(
        InputError, match=r"painted_out .* 1 of 22 images has one; comp"
    ):
        pretrain(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_other_images_are_needed_to_paste_on(tiny, copy, tmp_path):
    for folder in ("images", "masks"):
        for path in sorted((copy / folder).iterdir())[1:]:
            path.unlink()
    with pytest.raises(InputError, match="a single image cannot be told from others"):
        pretrain(tiny(**of(copy, "other")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_pictures_that_cannot_be_read_are_named(
    tiny, copy, textures, tmp_path, workers
):
    for name in ("broken.jpg", "empty.png"):
        (textures / name).write_bytes(b"no image" if name == "broken.jpg" else b"")
    config = tiny(
        workers=workers,
        **of(copy, "texture"),
        **{"view.copy_paste.textures": str(textures)},
    )
    report = pretrain(config, tmp_path / "run")
    # Each once, however often it was drawn, and no image has failed for it.
    paths = [str(textures / name) for name in ("broken.jpg", "empty.png")]
    assert sorted(report.failures) == paths
    assert "2 files could not be used" in report.summary()
    assert f"{paths[1]}: the file is empty" in report.summary()


def test_an_image_fails_where_no_picture_can_be_read(tiny, copy, textures, tmp_path):
    keep_masks(copy, 3)
    config = tiny(
        epochs=1, **of(copy, "texture"), **{"view.copy_paste.textures": str(textures)}
    )
    for path in textures.iterdir():
        path.write_bytes(path.read_bytes()[:-100])
    report = pretrain(config, tmp_path / "run")
    assert len(report.failures) == 3 + 6
    reasons = "\n".join(report.failures.values())
    assert reasons.count("10 pictures in a row cannot be read") == 3
