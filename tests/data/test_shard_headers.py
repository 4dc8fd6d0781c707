import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path

import pytest

from dilo.data.shards import Shards
from dilo.errors import InputError


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, "a.jpg"
    return info


def pack(path: Path, *names: str, size: int = 700) -> bytes:
    with tarfile.open(path, "w") as archive:
        for name in names:
            archive.addfile(member(name, size), io.BytesIO(name[:1].encode() * size))
    return path.read_bytes()


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compression_is_recognised_by_content_too(tmp_path, compress):
    path = tmp_path / "x.tar"
    path.write_bytes(compress(pack(path, "a.jpg")))
    with pytest.raises(InputError, match=r"x\.tar: a compressed tar file.*decompress"):
        Shards([path])


def test_a_shard_cut_anywhere_is_refused(tmp_path):
    path = tmp_path / "x.tar"
    whole = pack(path, "a.jpg", "b.jpg")
    # Each takes a header and two blocks; then come two blocks that mark the end.
    for length in (0, 100, 512, 1000, 3 * 512, 3 * 512 + 100, 4 * 512, 6 * 512):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"x\.tar: a damaged tar file"):
            Shards([path])
    path.write_bytes(whole[: 7 * 512])
    assert list(Shards([path]).names) == ["x/a.jpg", "x/b.jpg"]


def test_a_damaged_header_is_no_end(tmp_path):
    path = tmp_path / "x.tar"
    content = bytearray(pack(path, "a.jpg", "b.jpg"))
    content[3 * 512 + 3] ^= 1  # in the second header
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"no header and no end at byte 1536"):
        Shards([path])


def test_shards_that_were_joined_end_to_end_are_refused(tmp_path):
    path = tmp_path / "x.tar"
    content = pack(path, "a.jpg")
    path.write_bytes(content + content)
    with pytest.raises(InputError, match="more follows the end"):
        Shards([path])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.jpg", "a.jpg"), r"a\.jpg and a\.jpg are images of one key, a"),
        (("d/a.jpg", "d/a.png"), r"d/a\.jpg and d/a\.png are images of one key, d/a"),
        (("b.jpg", "a.v2.jpg"), r"a\.v2\.jpg has more than one dot.*such as a\.jpg"),
        (("a.txt", "a.cls", ".a.jpg"), r"no images in it, such as KEY\.jpg"),
        ((), r"no images in it"),
    ],
)
def test_names_must_tell_images_apart(tmp_path, names, message):
    pack(tmp_path / "x.tar", *names)
    with pytest.raises(InputError, match=message):
        Shards([tmp_path / "x.tar"])


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_links_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(member("a.jpg", 0))
        archive.addfile(member("b.jpg", 0, kind))
    with pytest.raises(InputError, match=r"b\.jpg is a link.*--hard-dereference"):
        Shards([tmp_path / "x.tar"])


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
def test_bytes_are_found_in_every_format(tmp_path, form):
    path = tmp_path / "x.tar"
    names = [f"{'long' * 20}/{index}.jpg" for index in range(3)]
    with tarfile.open(path, "w", format=form) as archive:
        for index, name in enumerate(names):
            archive.addfile(member(name, 5), io.BytesIO(b"%05d" % index))
    shards = Shards([path])
    assert [shards.read(index) for index in range(3)] == [b"00000", b"00001", b"00002"]


def test_a_shard_given_twice_is_refused(tmp_path):
    pack(tmp_path / "x.tar", "a.jpg")
    with pytest.raises(InputError, match="every shard must be given once"):
        Shards([tmp_path / "x.tar", tmp_path / "x.tar"])
