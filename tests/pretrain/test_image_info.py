from pathlib import Path

import PIL.Image
import pytest

from dilo.errors import InputError
from dilo.folder import list_images
from dilo.pretrain.images import find_info


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cat/a.png", "dog/b.png", "cat/c.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (4, 4)).save(path)
    return tmp_path / "images"


def test_without_labels_the_images_are_counted(folder):
    info = find_info(folder, list_images(folder), None)
    assert (info.count, info.labels, info.classes) == (3, None, ())


def test_labels_stand_in_the_order_of_the_images(folder):
    table = folder / "labels.csv"
    table.write_text("file,label\ndog/b.png,x\ncat/c.png,y\ncat/a.png,z\n")
    names = ["cat/a.png", "cat/c.png", "dog/b.png"]
    folders, listed = (find_info(folder, names, each) for each in (folder, table))
    assert folders.classes == ("cat", "dog")
    assert folders.labels.tolist() == [0, 0, 1]
    assert listed.labels.tolist() == [2, 1, 0]


def test_an_image_without_a_label_is_named(folder):
    table = folder / "labels.csv"
    table.write_text("file,label\ndog/b.png,x\n")
    with pytest.raises(InputError, match=r"no label for 2 of 3 images.*a\.png"):
        find_info(folder, list_images(folder), table)
