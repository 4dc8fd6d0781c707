"""Paths in tables however they are written, against the files that are meant."""

from pathlib import Path
from unicodedata import normalize

import pytest

from dilo.data.labels import read_labels, read_train_val
from dilo.data.sources import open_source
from dilo.errors import InputError
from dilo.pretrain.images import find_info

FILES = ("cat/a.jpg", "dög/é b.jpg")
WRITINGS = {
    "relative": lambda file, _: file,
    "dot": lambda file, _: f"./{file}",
    "double slash": lambda file, _: file.replace("/", "//"),
    "there and back": lambda file, folder: f"../{folder.name}/{file}",
    "backslashes": lambda file, _: file.replace("/", "\\"),
    "absolute": lambda file, folder: str(folder / file),
    "absolute by a link": lambda file, folder: str(folder.parent / "link" / file),
    "composed": lambda file, _: normalize("NFC", file),
    "decomposed": lambda file, _: normalize("NFD", file),
}


def write_table(path: Path, files: list[str]) -> Path:
    path.parent.mkdir(exist_ok=True)
    rows = (f"{file},{index}\n" for index, file in enumerate(files))
    path.write_text("file,label\n" + "".join(rows))
    return path


@pytest.fixture(params=["NFC", "NFD"])
def photos(tmp_path, request) -> Path:
    """Photographs, whose names are composed or decomposed on the disk."""
    folder = tmp_path / "set" / "images"
    for file in FILES:
        path = folder / normalize(request.param, file)
        path.parent.mkdir(parents=True)
        path.touch()
    (folder.parent / "link").symlink_to(folder)
    return folder


def on_disk(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))


@pytest.mark.parametrize("beside", [".", ".."], ids=["in it", "above images/"])
@pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS)
def test_every_writing_of_a_path_gives_the_name_on_the_disk(photos, writing, beside):
    files = [writing(file, photos) for file in FILES]
    table = write_table((photos / beside).resolve() / "labels.csv", files)
    data, source = read_labels(table, "train"), open_source(table)
    assert list(data.names) == list(source.names) == on_disk(photos)
    assert data.root.samefile(photos)
    assert source.root.samefile(photos)
    assert find_info(photos, on_disk(photos), table).count == 2


@pytest.mark.parametrize(
    ("start", "place"), [("../set/images", "labels"), ("{}", "labels"), ("{}", ".")]
)
def test_files_elsewhere_are_named_from_the_folder_of_all(
    photos, tmp_path, start, place
):
    start = start.format(photos)
    files = [f"{start}/{name}" for name in on_disk(photos)]
    table = write_table(tmp_path / place / "l.csv", files)
    table.write_text(
        f"file,label,split\n{files[0]},a,train\n{files[1]},a,val\n", encoding="utf-16"
    )
    train, val = read_train_val(table, table)
    assert (*train.names, *val.names) == tuple(on_disk(photos))
    assert train.root == val.root == photos
    assert open_source(table).root == photos


@pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS)
def test_one_file_in_two_writings_is_refused(photos, writing):
    files = ["cat/a.jpg", FILES[1], writing(FILES[1], photos)]
    table = write_table(photos / "labels.csv", files)
    for read in (open_source, lambda path: read_labels(path, "train")):
        with pytest.raises(InputError, match=r"line 4: .* stands in line 3 already;"):
            read(table)


def test_one_file_in_both_splits_is_found_through_every_writing(photos, tmp_path):
    val = write_table(tmp_path / "val.csv", ["set/images/cat/a.jpg"])
    for writing in WRITINGS.values():
        train = write_table(photos / "train.csv", [writing("cat/a.jpg", photos)])
        with pytest.raises(InputError, match=r"a\.jpg: is among the training images"):
            read_train_val(train, val)


@pytest.mark.parametrize("missing", ["no.jpg", "/no/no.jpg", "../no.jpg", "cat", "."])
def test_a_file_that_is_not_there_is_named_with_its_line(photos, missing):
    table = write_table(photos / "labels.csv", ["cat/a.jpg", missing])
    message = rf"labels\.csv, line 3: there is no {missing}, which .*; give paths from"
    with pytest.raises(InputError, match=message):
        open_source(table)


def test_names_that_differ_only_in_composition_are_two_files(tmp_path):
    names = [normalize(form, "é.jpg") for form in ("NFC", "NFD")]
    for name in names:
        (tmp_path / name).touch()
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system knows no such names")
    table = write_table(tmp_path / "labels.csv", names)
    assert list(read_labels(table, "train").names) == names


def test_a_class_is_one_however_its_name_is_composed(tmp_path):
    for file in ("a.jpg", "b.jpg"):
        (tmp_path / file).touch()
    composed, decomposed = (normalize(form, "café") for form in ("NFC", "NFD"))
    table = tmp_path / "labels.csv"
    table.write_text(f"file,label\na.jpg,{composed}\nb.jpg,{decomposed}\n")
    assert read_labels(table, "train").classes == (composed,)
