import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from dilo.data.labels import read_labels, read_train_val
from dilo.errors import InputError


def make_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.new("RGB", (4, 4)).save(path)


def make_table(folder: Path, text: str, *files: str) -> Path:
    for file in files:
        make_image(folder / file)
    table = folder / "labels.csv"
    table.write_text(text)
    return table


def test_class_folders_give_the_first_folder_as_class(tmp_path):
    for name in ("cat/1.jpg", "cat/old/2.jpg", "ant/3.png"):
        make_image(tmp_path / name)
    data = read_labels(tmp_path, "train")
    assert data.classes == ("ant", "cat")
    assert data.names == ("ant/3.png", "cat/1.jpg", "cat/old/2.jpg")
    assert data.labels.tolist() == [0, 1, 1]
    assert data.labels.dtype == np.int64
    assert all(path.is_file() for path in data.paths())


def test_a_folder_with_train_and_val_holds_both_splits(tmp_path):
    for name in ("train/cat/1.jpg", "train/dog/2.jpg", "test/dog/3.jpg"):
        make_image(tmp_path / name)
    train, val = read_train_val(tmp_path, tmp_path)
    assert (len(train), len(val)) == (2, 1)
    assert val.classes == train.classes == ("cat", "dog")
    assert val.labels.tolist() == [1]


def test_an_image_beside_the_class_folders_is_refused(tmp_path):
    make_image(tmp_path / "cat/1.jpg")
    make_image(tmp_path / "2.jpg")
    with pytest.raises(InputError, match=r"2\.jpg: lies beside the class folders"):
        read_labels(tmp_path, "train")


@pytest.mark.parametrize("column", ["label", "wnid", "class"])
@pytest.mark.parametrize("folder", ["", "images/"])
def test_a_table_names_files_beside_it_or_below_images(tmp_path, column, folder):
    text = f"file,{column}\nx.jpg,dog\nb/y.jpg, cat\n"
    table = make_table(tmp_path, text, folder + "x.jpg", folder + "b/y.jpg")
    data = read_labels(table, "val")
    assert data.root == tmp_path / folder
    assert data.names == ("x.jpg", "b/y.jpg")
    assert [data.classes[label] for label in data.labels] == ["dog", "cat"]


def test_a_table_with_splits_gives_the_split_asked_for(tmp_path):
    text = "file,label,split\n1.jpg,a,train\n2.jpg,a,test\n3.jpg,b,train\n"
    table = make_table(tmp_path, text, "1.jpg", "2.jpg", "3.jpg")
    assert read_labels(table, "train").names == ("1.jpg", "3.jpg")
    assert read_labels(table, "val").names == ("2.jpg",)


def test_val_labels_are_numbered_by_the_classes_of_train(tmp_path):
    text = "file,label,split\n1.jpg,a,train\n2.jpg,b,val\n3.jpg,b,train\n"
    table = make_table(tmp_path, text, "1.jpg", "2.jpg", "3.jpg")
    assert read_labels(table, "val").labels.tolist() == [0]
    _, val = read_train_val(table, table)
    assert val.labels.tolist() == [1]
    assert val.classes == ("a", "b")


def test_a_val_class_that_train_lacks_is_refused_by_name(tmp_path):
    text = "file,label,split\n1.jpg,a,train\n2.jpg,zebra,val\n"
    table = make_table(tmp_path, text, "1.jpg", "2.jpg")
    with pytest.raises(InputError, match=r"2\.jpg: its class 'zebra' is not among"):
        read_train_val(table, table)


def test_the_same_images_for_training_and_scoring_are_refused(tmp_path):
    table = make_table(tmp_path, "file,label\n1.jpg,a\n2.jpg,b\n", "1.jpg", "2.jpg")
    with pytest.raises(InputError, match=r"1\.jpg: is among .* 2 such images in all"):
        read_train_val(table, table)


def test_take_keeps_labels_beside_their_names(tmp_path):
    text = "file,label\n1.jpg,a\n2.jpg,b\n3.jpg,c\n"
    data = read_labels(make_table(tmp_path, text, "1.jpg", "2.jpg", "3.jpg"), "train")
    part = data.take([2, 0])
    assert part.names == ("3.jpg", "1.jpg")
    assert part.labels.tolist() == [2, 0]
    assert part.classes == data.classes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: the header needs a column file, got ''"),
        ("path,label\n1.jpg,a\n", r"line 1: the header .* got 'path,label'"),
        ("file,name\n1.jpg,a\n", r"line 1: .* column label or wnid or class, got"),
        ("file,label\n", "lists no image"),
        ("file,label\n1.jpg,a\n9.jpg,a\n", r"line 3: there is no 9\.jpg, which"),
        (
            "file,label\n9.jpg,a\n",
            r"line 2: there is no 9\.jpg, .* or all from images/",
        ),
        ("file,label\n1.jpg\n", "line 2: the column label is empty"),
        ("file,label\n1.jpg,a\n1.jpg,b\n", r"line 3: 1\.jpg stands in line 2 already"),
        ("file,label,split\n1.jpg,a,trian\n", "line 2: split must be one of train"),
        ("file,label,split\n1.jpg,a,val\n", "has no split train, only val"),
        ('file,label\n"1.jpg,a\n', "line 2: not a CSV"),
    ],
)
def test_a_bad_table_is_refused_with_file_and_line(tmp_path, text, message):
    table = make_table(tmp_path, text, "1.jpg")
    with pytest.raises(InputError, match=message) as caught:
        read_labels(table, "train")
    assert str(table) in str(caught.value)


def test_a_binary_file_is_no_table(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_bytes(b"file,label\n\xff\xfe\x00,a\n")
    with pytest.raises(InputError, match="line 2: not a CSV in UTF-8 or"):
        read_labels(table, "train")


def test_a_missing_source_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        read_labels(tmp_path / "nothing", "train")


@pytest.mark.realdata
def test_duts_labels_have_97_classes_in_two_splits():
    if "DILO_DATA" not in os.environ:
        pytest.skip("DILO_DATA is not set")
    table = Path(os.environ["DILO_DATA"]) / "duts/labels.csv"
    train, val = read_train_val(table, table)
    assert (len(train), len(val), len(train.classes)) == (4495, 1504, 97)
