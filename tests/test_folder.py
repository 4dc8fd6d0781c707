import pytest

from dilo.errors import InputError
from dilo.folder import is_image_name, list_images


def test_images_of_any_depth_are_listed_sorted(tmp_path):
    names = ["b.JPG", "a/c.png", "a/b/d.webp", "a b/é.tiff"]
    for name in [*names, "notes.txt", ".hidden.jpg", ".git/x.jpg", "a/Thumbs.db"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list_images(tmp_path) == sorted(names)
    assert list_images(str(tmp_path)) == sorted(names)


def test_links_to_folders_are_not_followed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.png").touch()
    (tmp_path / "a/loop").symlink_to(tmp_path)
    assert list_images(tmp_path) == ["a/b.png"]


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
