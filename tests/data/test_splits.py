"""Folders under many names of splits, against how they are understood."""

from pathlib import Path

import pytest

from dilo.data.labels import read_labels, read_train_val
from dilo.data.splits import split_called
from dilo.errors import InputError

SPELLINGS = {
    "train": "train Train TRAIN training train2017 train_images trainset Train-Set",
    "val": "val Val valid validation VALIDATION dev eval val2017 valid_set",
    "test": "test Test testing TESTING test_images test-set",
    None: "trains value device tester unlabeled __MACOSX extra my_train contest",
}


@pytest.mark.parametrize(
    ("name", "split"),
    [(name, split) for split, names in SPELLINGS.items() for name in names.split()],
)
def test_a_split_goes_by_its_usual_names(name, split):
    assert split_called(name) == split


def fill(folder: Path, *parts: str) -> Path:
    """Put a photograph of two classes into each part; into a/ itself for `a/`."""
    for part in parts:
        for name in ("1.jpg",) if part.endswith("/") else ("cat/1.jpg", "owl/1.jpg"):
            path = folder / part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return folder


# Folders -> which of them are read as train and as val, and what is told.
UNDERSTOOD = {
    ("train", "val"): ("train", "val", ""),
    ("train", "valid"): ("train", "valid", ""),
    ("train", "validation"): ("train", "validation", ""),
    ("Train", "Val"): ("Train", "Val", ""),
    ("TRAIN", "dev", ".hidden"): ("TRAIN", "dev", ""),
    ("train", "test"): ("train", "test", "has no split val; takes test for it\n"),
    ("training", "testing"): ("training", "testing", "val; takes testing for it\n"),
    ("train", "valid", "test"): ("train", "valid", "photos: leaves out test\n"),
    ("train", "val", "test/"): ("train", "val", "photos: leaves out test\n"),
    ("train", "val", "__MACOSX"): ("train", "val", "lies beside train, val: __MACOSX"),
    ("train", "val", "unlabeled/"): ("train", "val", "beside train, val: unlabeled"),
    ("train", "test", "extra"): ("train", "test", "what lies beside test, train: ext"),
    ("train", "val", "."): ("train", "val", "beside train, val: cat, owl\n"),
    ("train", "val", "./"): ("train", "val", "beside train, val: 1.jpg\n"),
}


@pytest.mark.parametrize("folders", UNDERSTOOD, ids=" ".join)
def test_splits_are_understood_and_told(tmp_path, capfd, folders):
    train, val, told = UNDERSTOOD[folders]
    photos = fill(tmp_path / "photos", *folders)
    training, validation = read_train_val(photos, photos)
    assert (training.root, validation.root) == (photos / train, photos / val)
    assert training.classes == validation.classes == ("cat", "owl")
    lines = capfd.readouterr().err
    assert told in lines
    assert len(lines.splitlines()) <= 2
    assert bool(lines) == bool(told)


REFUSED = {
    ("train",): "photos: has no split val, only train; name one so",
    ("test",): "photos: has no split train, only test",
    ("train/", "val/"): r"train/1.jpg: lies beside .*taken for a split.*1 of 1 images",
    ("train/",): r"train/1\.jpg: lies beside the class folders",
    (
        "train",
        "val",
        "train/",
    ): r"1\.jpg: lies beside the class folders.* 1 of 3 images",
    (
        "train",
        "val",
        "valid",
    ): "photos: val, valid are all names of the split val; keep",
    ("train", "Train"): "photos: Train, train are all names of the split train",
    (
        "train",
        "unlabeled",
    ): "photos: train is the name .* beside it are unlabeled; give",
    (
        "cat/",
        "dog/",
        "test/",
    ): "photos: test is the name .* beside it are cat, dog; giv",
    ("cat/", "train", "dog/"): "photos: train is the name .* beside it are cat, dog",
    ("cat/", "train/", "val/"): r"train/1\.jpg: lies beside the class folders",
    ("set/train", "set/val"): "photos/set: is no class, .* the splits train, val; give",
    ("cat/Train/", "cat/test/"): "photos/cat: is no class, .* the splits Train, test",
    ("train/set/train", "val", "train/set/dev"): "train/set: is no class",
}


@pytest.mark.parametrize("folders", REFUSED, ids=" ".join)
def test_what_may_be_splits_or_classes_is_refused(tmp_path, folders):
    photos = fill(tmp_path / "photos", *folders)
    with pytest.raises(InputError, match=REFUSED[folders]):
        read_train_val(photos, photos)


def test_trains_may_be_a_class(tmp_path, capfd):
    photos = fill(tmp_path / "photos", "bus/", "car/", "train/")
    assert read_labels(photos, "train").classes == ("bus", "car", "train")
    assert "takes train for a class, as it has no" in capfd.readouterr().err


def test_a_class_without_images_is_told(tmp_path, capfd):
    photos = fill(tmp_path / "photos", "train", "val")
    for split in ("train", "val"):
        (photos / split / "dog").mkdir()
    training, _ = read_train_val(photos, photos)
    assert training.classes == ("cat", "owl")
    told = capfd.readouterr().err
    assert "photos/train: passes over folders without images: dog\n" in told
    fill(photos, "val/dog/")
    with pytest.raises(InputError, match=r"dog/1\.jpg: its class 'dog' is not among"):
        read_train_val(photos, photos)


@pytest.mark.parametrize(
    ("marks", "val", "told"),
    [
        (("train", "val", "train"), "2.jpg", ""),
        (("Train", "Valid", "TRAINING"), "2.jpg", ""),
        (("train", "testing", "train"), "2.jpg", "takes testing for it"),
        (("train", "test", "dev"), "3.jpg", "labels.csv: leaves out test\n"),
    ],
)
def test_marks_of_a_table_have_the_names_of_folders(tmp_path, capfd, marks, val, told):
    for number in "123":
        (tmp_path / f"{number}.jpg").touch()
    rows = (f"{number}.jpg,a,{mark}\n" for number, mark in enumerate(marks, 1))
    table = tmp_path / "labels.csv"
    table.write_text("file,label,split\n" + "".join(rows))
    assert read_train_val(table, table)[1].names == (val,)
    assert told in capfd.readouterr().err


def test_images_and_masks_are_no_classes(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").touch()
    with pytest.raises(InputError, match="images and masks, which are no classes"):
        read_labels(tmp_path, "train")
