import logging
import os

import numpy as np
import PIL.Image
import pytest

from dilo.charts import draw
from dilo.errors import InputError
from dilo.folder import is_image_name, list_images
from dilo.image import encode_drawing, encode_image


def test_images_of_any_depth_are_listed_sorted(tmp_path):
    names = ["b.JPG", "a/c.png", "a/b/d.webp", "a b/é.tiff"]
    for name in [*names, "notes.txt", ".hidden.jpg", ".git/x.jpg", "a/Thumbs.db"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list_images(tmp_path) == sorted(names)
    assert list_images(str(tmp_path)) == sorted(names)


def test_links_to_folders_are_followed_once_each(tmp_path, caplog):
    photos, disk = tmp_path / "photos", tmp_path / "disk/dog"
    for folder in (photos / "owl", disk / "young"):
        folder.mkdir(parents=True)
        (folder / "a.png").touch()
    (photos / "dog").symlink_to(disk)
    (photos / "z dog").symlink_to(disk)
    (photos / "owl/up").symlink_to(photos)
    (photos / "z owl").symlink_to(photos / "owl")
    (photos / "around").symlink_to(tmp_path)
    (disk / "young/loop").symlink_to(disk)
    (photos / "nowhere").symlink_to(tmp_path / "none")
    assert list_images(photos) == ["dog/young/a.png", "owl/a.png"]
    told = "".join(caplog.messages)
    for name in ("z dog", "up", "z owl", "around", "loop"):
        assert f"{name}/: passed over, a link to what is listed already" in told


def test_what_systems_leave_beside_photographs_is_passed_over(tmp_path):
    for folder in ("@eaDir/a.jpg", "__MACOSX", "$RECYCLE.BIN", ".thumbnails", "x"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.jpg").touch()
    (tmp_path / "._b.jpg").touch()
    assert list_images(tmp_path) == ["x/a.jpg"]


@pytest.mark.parametrize("mark", ["masks.json", "bank.json", "environment.json"])
def test_folders_that_this_program_made_are_passed_over_and_named(
    tmp_path, mark, caplog
):
    for folder in ("photos", "made/below"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.jpg").touch()
    (tmp_path / "made" / mark).touch()
    assert list_images(tmp_path) == ["photos/a.jpg"]
    assert "made/: passed over" in caplog.text


def test_pictures_that_this_program_drew_are_passed_over_and_named(tmp_path, caplog):
    pixels = np.zeros((4, 5, 3), np.uint8)
    (tmp_path / "photo.png").write_bytes(encode_image(pixels))
    (tmp_path / "sheet.png").write_bytes(encode_drawing(pixels))
    (tmp_path / "chart.png").write_bytes(draw(lambda figure: None, (1, 1), "png"))
    assert list_images(tmp_path) == ["photo.png"]
    assert "sheet.png: passed over, drawn by dilo" in caplog.text
    assert "chart.png: passed over, drawn by dilo" in caplog.text


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA"])
def test_masks_in_png_beside_photographs_are_no_photographs(tmp_path, mode, caplog):
    grey = PIL.Image.new("L", (8, 6))
    grey.paste(255, (2, 2, 5, 5))
    mask = grey.convert(mode)
    if "A" in mode:
        mask.putalpha(grey)
    for name in ("a", "b", "c d/e"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.jpg").touch()
        mask.save(tmp_path / f"{name}.png")
    (tmp_path / "alone.png").touch()
    assert list_images(tmp_path) == ["a.jpg", "alone.png", "b.jpg", "c d/e.jpg"]
    assert "3 .png files beside photographs are passed over" in caplog.text


def test_photographs_of_one_name_are_both_listed(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (9, 8, 3), np.uint8)
    PIL.Image.fromarray(noise).save(tmp_path / "a.jpg")
    PIL.Image.fromarray(noise[..., 0]).save(tmp_path / "a.png")
    assert list_images(tmp_path) == ["a.jpg", "a.png"]


def test_what_is_passed_over_is_counted_by_suffix(tmp_path, caplog):
    caplog.set_level(logging.INFO, "dilo")
    for name in ("a.jpg", "b.HEIC", "c.heic", "d.txt", "README", ".hidden"):
        (tmp_path / name).touch()
    assert list_images(tmp_path) == ["a.jpg"]
    assert "passed over 2 .heic, 1 .txt, 1 without suffix" in caplog.text


def test_a_folder_that_cannot_be_read_is_named_and_passed_over(
    tmp_path, caplog, monkeypatch
):
    for folder in ("closed", "open"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").touch()
    scan = os.scandir

    def refuse(path):  # for root no folder is closed
        if "closed" in os.fspath(path):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list_images(tmp_path) == ["open/a.jpg"]
    assert "closed/: passed over (Permission denied)" in caplog.text
    with pytest.raises(InputError, match="closed: Permission denied"):
        list_images(tmp_path / "closed")


def test_the_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.png").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert list_images(tmp_path / "link") == ["b.png"]


def test_a_folder_named_like_an_image_is_no_image(tmp_path):
    (tmp_path / "a.png").mkdir()
    (tmp_path / "a.png/b.png").touch()
    assert list_images(tmp_path) == ["a.png/b.png"]


def test_no_folder_and_no_images_are_told(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(InputError, match=r"no image files below .*\.jpg"):
        list_images(tmp_path)
    for name in ("none", "a.txt"):
        with pytest.raises(InputError, match=f"{name}: not a folder"):
            list_images(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jpg", "A.JPEG", "x/y.Tif", "a.b.webp"])
def test_an_image_is_told_by_its_name(name):
    assert is_image_name(name)


@pytest.mark.parametrize("name", ["a", "jpg", "a.jpg.txt", ".a.jpg", "x/.a.jpg"])
def test_other_names_are_no_images(name):
    assert not is_image_name(name)
