import io
import tarfile
from pathlib import Path

import pytest

from dilo.data.sources import expand, open_source
from dilo.errors import ImageError, InputError


def pack(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def contents(source) -> dict[str, bytes]:
    found = {}
    for index, name in enumerate(source.names):
        content = source.read(index)
        found[name] = content.read_bytes() if isinstance(content, Path) else content
    return found


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder of two shards, whose names sort otherwise than what lies in them."""
    long = "n" * 120  # longer than a header of the first format holds
    pack(
        tmp_path / "s" / "a.tar",
        {"./b.jpg": b"1", "b.json": b"{}", "a.png": b"22", f"{long}/c.jpg": b"3"},
    )
    pack(tmp_path / "s" / "a-b.tar", {"a.jpg": b"4" * 600, "a.seg.png": b"5"})
    return tmp_path / "s"


def test_the_names_of_shards_are_those_of_a_folder_they_are_unpacked_into(
    shards, tmp_path
):
    for path in shards.iterdir():
        with tarfile.open(path) as archive:
            archive.extractall(tmp_path / "unpacked" / path.stem, filter="data")
    (tmp_path / "unpacked" / "a-b" / "a.seg.png").unlink()  # part of the sample a
    unpacked, packed = open_source(tmp_path / "unpacked"), open_source(shards)
    assert list(packed.names) == list(unpacked.names)
    assert contents(packed) == contents(unpacked)


@pytest.mark.parametrize("form", ["s", "s/{a,a-b}.tar", "s/a{-b,}.tar"])
def test_shards_come_as_folder_or_pattern_in_one_order(shards, tmp_path, form):
    assert contents(open_source(tmp_path / form)) == contents(open_source(shards))
    assert len(open_source(shards / "a.tar").names) == 3


def test_shards_of_one_name_in_two_folders_are_two(tmp_path):
    for path in ("s/a.tar", "t/a.tar"):
        pack(tmp_path / path, {"0.jpg": b"0"})
    source = open_source(tmp_path / "{t,s}" / "a.tar")
    assert list(source.names) == ["s/a/0.jpg", "t/a/0.jpg"]


def test_a_table_gives_the_images_that_it_lists_as_a_folder_would(tmp_path):
    for name in ("b.jpg", "a/c.png", "d.jpg"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(name.encode())
    (tmp_path / "list.csv").write_text("id,file,label\n1,b.jpg,\n2,a/c.png,x\n")
    source = open_source(tmp_path / "list.csv")
    assert source.root == tmp_path / "images"
    assert contents(source) == {"a/c.png": b"a/c.png", "b.jpg": b"b.jpg"}
    assert list(source.names) == ["a/c.png", "b.jpg"]


def test_a_tar_file_among_images_is_passed_over(tmp_path):
    pack(tmp_path / "backup.tar", {"0.jpg": b"0"})
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "1.jpg").write_bytes(b"1")
    assert list(open_source(tmp_path).names) == ["more/1.jpg"]


def test_braces_expand_as_in_a_shell():
    found = list(expand("{a,b}-{08..10}.tar"))
    assert found == [f"{each}-{n}.tar" for each in "ab" for n in ("08", "09", "10")]
    for bad in ("{3..1}", "{x}", "{}"):
        with pytest.raises(InputError, match=r"rising range or a list"):
            list(expand(bad))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "name,label\na.jpg,x\n", "needs a column file, got 'name,label'"),
        ("a.csv", "file\n", "lists no image below its header"),
        ("a.csv", "file\nnone.jpg\n", r"line 2: there is no none\.jpg, which"),
        ("a.csv", "file\n ,\n", "line 2: the column file is empty"),
        ("a.txt", "a.jpg", r"line 1: the header needs a column file, got 'a\.jpg'"),
        ("a.zip", "PK", "neither CSV nor tar file; give a folder"),
        ("a.tar.gz", "", "a compressed tar file.*decompress it"),
    ],
)
def test_what_is_no_source_is_refused_with_the_reason(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        open_source(tmp_path / name)


def test_missing_shards_are_counted_and_the_first_is_named(tmp_path):
    pack(tmp_path / "x-1.tar", {"0.jpg": b"0"})
    message = r"x-0\.tar: no such file or folder \(2 of 3 are missing\)"
    with pytest.raises(InputError, match=message):
        open_source(tmp_path / "x-{0..2}.tar")
    with pytest.raises(InputError, match=r"nowhere: no such file or folder; give a"):
        open_source(tmp_path / "nowhere")


def test_a_shard_that_is_removed_or_cut_later_fails_by_image(tmp_path):
    path = pack(tmp_path / "x.tar", {"0.jpg": b"0" * 600, "1.jpg": b"1"})
    source = open_source(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ImageError, match=r"x/0\.jpg: .*has become shorter"):
        source.read(0)
    path.unlink()
    with pytest.raises(ImageError, match=r"x/1\.jpg: .*No such file"):
        source.read(1)
