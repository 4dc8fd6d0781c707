"""Where the images of a WebDataset shard lie in its tar file."""

import tarfile
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Contents:
    """The images of one shard, sorted by name."""

    names: Names  # members
    # int64 (N, 4): where the image lies and its size, the same of its mask; at 0: it
    # has none.
    places: NDArray[np.int64]


class _Member(NamedTuple):
    name: str
    offset: int
    size: int


def read_contents(path: Path) -> Contents:
    """Read the headers of a shard.

    An image is a member KEY.jpg (or of another kind that we read), where KEY goes up to
    the first dot of the file name; its mask is KEY.mask.png. All else belongs to
    samples of other uses and is passed over.

    Raises:
        InputError: the shard is missing, compressed, damaged or without images, or a
            name in it does not tell one image from another.
    """
    check_uncompressed(path)
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            samples = _Samples(path)
            while (member := archive.next()) is not None:
                samples.add(member)
                vars(archive)["members"] = []  # else it keeps every header
            _check_end(path, archive)
    except tarfile.TarError as error:
        raise InputError(
            f"{path}: a damaged tar file ({error}); get it anew"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    return samples.contents()


def check_uncompressed(path: Path) -> None:
    """Refuse a compressed tar file, in which nothing can be found but from its start.

    Raises:
        InputError: its name or its content says that it is one, or it is missing.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if path.name.endswith(COMPRESSED) or start.startswith(_COMPRESSED_MAGIC):
        raise InputError(
            f"{path}: a compressed tar file, of which no part can be read alone; "
            "decompress it (the images in it are compressed already)"
        )


@dataclass
class _Samples:
    """The members of a shard by their keys, while its headers are read."""

    path: Path
    images: dict[str, _Member] = field(default_factory=dict)
    masks: dict[str, _Member] = field(default_factory=dict)
    others: dict[str, str] = field(
        default_factory=dict
    )  # key -> a member like an image

    def add(self, member: tarfile.TarInfo) -> None:
        """Take down one member.

        Raises:
            InputError: it is no plain file, or its key has an image already.
        """
        name = member.name.removeprefix("./")
        if member.isdir() or not is_image_name(name):
            return
        if not member.isreg() or member.issparse():
            raise InputError(
                f"{self.path}: {name} is a link or has holes; pack the files "
                "themselves (tar --dereference --hard-dereference)"
            )
        found = _Member(name, member.offset_data, member.size)
        folder, slash, base = name.rpartition("/")
        stem, _, kind = base.partition(".")
        key = folder + slash + stem
        if f".{kind}" == MASK_KIND:
            self.masks[key] = found
        elif f".{kind.lower()}" not in IMAGE_SUFFIXES:
            self.others[key] = name
        elif key in self.images:
            raise InputError(
                f"{self.path}: {self.images[key].name} and {name} are images of one "
                f"key, {key}; name every image otherwise"
            )
        else:
            self.images[key] = found

    def contents(self) -> Contents:
        """Put the images in order.

        Raises:
            InputError: there are none, or one would be passed over for its name.
        """
        for key, name in self.others.items():
            if key not in self.images:
                raise InputError(
                    f"{self.path}: {name} has more than one dot; in a shard the name "
                    f"up to the first tells images apart, so {key} needs an image such "
                    f"as {key}.jpg"
                )
        if not self.images:
            raise InputError(f"{self.path}: no images in it, such as KEY.jpg")
        keys = sorted(self.images, key=lambda key: self.images[key].name)
        none = _Member("", 0, 0)
        places = [
            (*self.images[key][1:], *self.masks.get(key, none)[1:]) for key in keys
        ]
        return Contents(
            Names(self.images[key].name for key in keys), np.array(places, np.int64)
        )


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
