"""Where the images of a WebDataset shard lie in its tar file."""

import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.folder import IMAGE_SUFFIXES, Names, is_image_name

MASK_KIND = ".mask.png"  # of the member beside KEY.jpg that holds its foreground

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lz4")
_COMPRESSED_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22")

_PADDING = 1 << 20  # bytes; no writer puts more behind the end of an archive


class _Member(NamedTuple):
    name: str
    offset: int
    size: int


class Contents(NamedTuple):
    """The images of one shard, sorted by name."""

    names: Names  # members
    # int64 (N, 4): where the image lies and its size, the same of its mask; at 0: it
    # has none.
    places: NDArray[np.int64]


def read_contents(path: Path) -> Contents:
    """Read the headers of a shard.

    An image is a member KEY.jpg (or of another kind that we read), where KEY goes up to
    the first dot of the file name; its mask is KEY.mask.png. All else belongs to
    samples of other uses and is passed over.

    Raises:
        InputError: the shard is missing, compressed, damaged or without images, or a
            name in it does not tell one image from another.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            if path.name.endswith(COMPRESSED) or start.startswith(_COMPRESSED_MAGIC):
                raise InputError(
                    f"{path}: a compressed tar file, of which no part can be read "
                    "alone; decompress it (the images in it are compressed already)"
                )
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                members = list(_image_members(path, archive))
                _check_end(path, archive)
    except tarfile.TarError as error:
        raise InputError(
            f"{path}: a damaged tar file ({error}); get it anew"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    return _sort_members(path, members)


def _image_members(path: Path, archive: tarfile.TarFile) -> Iterator[_Member]:
    """Yield the members that are images or masks by their names."""
    while (member := archive.next()) is not None:
        vars(archive)["members"] = []  # else it keeps every header
        name = member.name.removeprefix("./")
        if member.isdir() or not is_image_name(name):
            continue
        if not member.isreg() or member.issparse():
            raise InputError(
                f"{path}: {name} is a link or has holes; pack the files "
                "themselves (tar --dereference --hard-dereference)"
            )
        yield _Member(name, member.offset_data, member.size)


def _sort_members(path: Path, members: Iterable[_Member]) -> Contents:
    """Put images beside their masks, in the order of their names."""
    images: dict[str, _Member] = {}  # by key
    masks: dict[str, _Member] = {}
    others: dict[str, str] = {}  # key -> a member like an image
    for member in members:
        folder, slash, base = member.name.rpartition("/")
        stem, _, kind = base.partition(".")
        key = folder + slash + stem
        if f".{kind}" == MASK_KIND:
            masks[key] = member
        elif f".{kind.lower()}" not in IMAGE_SUFFIXES:
            others[key] = member.name
        elif key in images:
            raise InputError(
                f"{path}: {images[key].name} and {member.name} are images of one "
                f"key, {key}; name every image otherwise"
            )
        else:
            images[key] = member
    for key in others.keys() - images.keys():
        raise InputError(
            f"{path}: {others[key]} has more than one dot; in a shard the name up to "
            f"the first tells images apart, so {key} needs an image such as {key}.jpg"
        )
    if not images:
        raise InputError(f"{path}: no images in it, such as KEY.jpg")
    keys = sorted(images, key=lambda key: images[key].name)
    none = _Member("", 0, 0)
    places = [(*images[key][1:], *masks.get(key, none)[1:]) for key in keys]
    names = Names(images[key].name for key in keys)
    return Contents(names, np.array(places, np.int64))


def _check_end(path: Path, archive: tarfile.TarFile) -> None:
    """Check that the headers were read to the end mark, and nothing follows it.

    `tarfile` takes a header that it cannot read for the end, without a word.

    Raises:
        InputError: the archive is cut off or damaged, or another one follows.
    """
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    rest = archive.fileobj.read(_PADDING)
    end = rest[: tarfile.BLOCKSIZE]
    if len(end) < tarfile.BLOCKSIZE or any(end):
        raise InputError(
            f"{path}: a damaged tar file (no header and no end at byte "
            f"{archive.offset}); get it anew"
        )
    if rest.strip(b"\0") or len(rest) == _PADDING:
        raise InputError(
            f"{path}: more follows the end of the tar file; give its parts as shards "
            "of their own"
        )
