"""The commands masks and convert, as a person calls them."""

import os

import numpy as np
import PIL.Image
import pytest

from dilo.cli import main
from dilo.image import read_image, read_map
from dilo.masks import MaskStore


@pytest.fixture
def images(tmp_path):
    """Three scenes of a square, and one blank image."""
    (tmp_path / "images").mkdir()
    for k in range(4):
        scene = np.full((60, 80, 3), 220, np.uint8)
        if k < 3:
            scene[20:45, 20 + 5 * k : 50 + 5 * k] = (40, 60, 200)
        PIL.Image.fromarray(scene).save(tmp_path / f"images/{k}.png")
    return tmp_path / "images"


def run(*arguments):
    return main([str(argument) for argument in arguments])


def masks(images, out, *flags):
    return run("masks", images, out, "--workers", 1, *flags)


def test_masks_are_packed_converted_and_verified(images, tmp_path, capsys):
    packed, files = tmp_path / "packed", tmp_path / "files"
    assert masks(images, packed, "--format", "arrow") == 0
    out = capsys.readouterr().out
    assert "4 of 4 images have a map" in out
    assert "1 (25.0%) without foreground" in out
    assert sorted(os.listdir(packed)) == ["masks.json", "part-00000.arrow"]
    assert run("convert", packed, files, "--format", "png", "--workers", 1) == 0
    for name in ("0.png", "3.png"):
        np.testing.assert_allclose(
            read_map(files / name), MaskStore.open(packed)[name], atol=1 / 255
        )
    assert masks(images, files, "--verify") == 0
    assert "4 maps checked: all sound" in capsys.readouterr().out
    assert 0.5 < MaskStore.open(files).confidence("0.png") <= 1


def test_what_is_bad_is_named_and_repaired(images, tmp_path, capsys):
    folder = tmp_path / "masks"
    masks(images, folder)
    (folder / "1.png").write_bytes(b"")
    assert masks(images, folder, "--verify") == 2
    captured = capsys.readouterr()
    assert "bad: 1.png: the file is empty" in captured.out
    assert captured.err.endswith(f"{folder}: not sound; mend it with --repair\n")
    assert masks(images, folder, "--verify", "--repair") == 2
    assert "run again without --verify" in capsys.readouterr().err
    assert masks(images, folder) == 0
    assert "1 made" in capsys.readouterr().out
    assert masks(images, folder, "--verify") == 0


def test_a_job_that_was_stopped_is_continued_not_repaired(images, tmp_path, capsys):
    folder = tmp_path / "masks"
    masks(images, folder)
    next(folder.glob("part-*.arrow")).unlink()
    assert masks(images, folder, "--verify") == 2
    assert "not sound; run again without --verify" in capsys.readouterr().err


def test_masks_can_be_looked_at(images, tmp_path, capsys):
    sheet, mean = tmp_path / "sheet.png", tmp_path / "mean.png"
    assert masks(images, tmp_path / "masks", "--sheet", sheet, "--mean", mean) == 0
    assert f"Mean map: {mean}" in capsys.readouterr().out
    assert min(read_image(sheet).shape[:2]) > 300
    middle = read_map(mean)
    assert middle.shape == (256, 256)
    assert middle[128, 128] > 0.5 > middle[10, 10]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--sheet", "sheet.jpg"], "--sheet must be a .png file, got sheet.jpg"),
        (["--mean", "mean"], "--mean must be a .png file, got mean"),
        (["--repair"], "--repair goes with --verify"),
        (["--verify"], "no masks.json in it"),
        (["--format", "zip"], "zip"),
    ],
)
def test_bad_flags_write_nothing(images, tmp_path, capsys, flags, message):
    try:
        status = masks(images, tmp_path / "masks", *flags)
    except SystemExit as end:  # of what tyro refuses
        status = end.code
    assert status == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "masks").exists()


def test_another_format_into_the_same_store_is_refused(images, tmp_path, capsys):
    masks(images, tmp_path / "masks")
    assert masks(images, tmp_path / "masks", "--format", "arrow") == 2
    assert "format: 'png' -> 'arrow'" in capsys.readouterr().err


def test_a_store_is_not_converted_into_itself(images, tmp_path, capsys):
    masks(images, tmp_path / "masks")
    out = tmp_path / "masks/sub"
    assert run("convert", tmp_path / "masks", out, "--format", "arrow") == 2
    assert "overlaps" in capsys.readouterr().err


def test_exact_maps_go_into_a_store_of_their_own(images, tmp_path, capsys):
    assert masks(images, tmp_path / "masks") == 0
    assert masks(images, tmp_path / "masks", "--exact") == 2
    assert "exact" in capsys.readouterr().err
    assert masks(images, tmp_path / "exact", "--exact") == 0
    assert MaskStore.open(tmp_path / "exact").origin.parameters == {"exact": True}


@pytest.mark.parametrize("format", ["png", "arrow"])
def test_images_that_differ_only_in_suffix_are_all_found(
    images, tmp_path, capsys, format
):
    pixels = np.full((60, 80, 3), 220, np.uint8)
    pixels[5:25, 5:30] = (200, 60, 40)
    PIL.Image.fromarray(pixels).save(images / "0.jpg", quality=95)
    folder = tmp_path / "masks"
    assert masks(images, folder, "--format", format) == 0
    assert "5 of 5 images have a map" in capsys.readouterr().out
    assert masks(images, folder, "--verify") == 0
    store = MaskStore.open(folder)
    assert store["0.jpg"][15, 15] > 0.5 > store["0.png"][15, 15]
    assert store["0.png"][35, 35] > 0.5 > store["0.jpg"][35, 35]
    assert run("preview", images, folder, "--out", tmp_path / "sheet.png") == 0
    assert run("score", folder, folder) == 0
    assert "5 maps" in capsys.readouterr().out
