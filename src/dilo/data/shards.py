"""WebDataset shards: the images in tar files, by number.

What an image becomes depends only on (seed, epoch, index), and every epoch has another
order; so images are read at random. The headers tell once where each lies, then its
bytes are read from there. The library webdataset reads shards as streams, in an order
that depends on the number of workers: it is not used.
"""

import os
import tarfile
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.errors import ImageError, InputError, StoreError
from dilo.evenly import evenly
from dilo.folder import IMAGE_SUFFIXES, Names, is_image_name
from dilo.foreground import has_foreground
from dilo.image import Map
from dilo.mask_files import LOOKED_AT, PlainMasks, find_kind
from dilo.progress import notify_if_slow

MASK_KIND = ".mask.png"  # of the member beside KEY.jpg that holds its foreground
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lz4")
_COMPRESSED_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22")
_PADDING = 1 << 20  # bytes; no writer puts more behind the end of an archive
_THREADS = 16  # reading headers is waiting, above all on a network


class _Member(NamedTuple):
    name: str
    offset: int
    size: int


class Shards:
    """The images of some tar files, in the order of their names, and their masks.

    An image is a member KEY.jpg (or of another kind that we read), where KEY goes up to
    the first dot of the file name; its mask is KEY.mask.png. All else belongs to
    samples of other uses and is passed over.

    The name of an image is SHARD/MEMBER, as if each shard were unpacked into a folder
    of its own name: the images are those of that folder, in the same order. A million
    take some 75 MB, which forked workers share.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.root = Path(os.path.commonpath([path.parent for path in paths]))
        # With the slash, which takes part in the order of names.
        prefixes = {
            f"{path.relative_to(self.root).with_suffix('').as_posix()}/": path
            for path in paths
        }
        self.paths = [prefixes[prefix] for prefix in sorted(prefixes)]
        if len(self.paths) < len(paths):
            raise InputError(f"{self.root}: every shard must be given once")
        with (
            notify_if_slow(f"finding the images of {len(paths)} shards ..."),
            ThreadPoolExecutor(min(_THREADS, len(paths))) as pool,
        ):
            names, places = zip(*pool.map(_read_headers, self.paths), strict=True)
        self.names = Names(
            prefix + name
            for prefix, part in zip(sorted(prefixes), names, strict=True)
            for name in part
        )
        self._places = np.concatenate(places)  # int64 (N, 4)
        self._ends = np.cumsum([len(part) for part in names])  # of each shard

    def read(self, index: int) -> bytes:
        """Read the file of an image.

        Raises:
            ImageError: its shard has been removed or changed.
        """
        return self._read(index, *self._places[index, :2].tolist())

    def __contains__(self, name: str) -> bool:
        """Tell whether an image has a mask beside it."""
        index = self._find(name)
        return index is not None and bool(self._places[index, 2])

    def foreground(self, name: str) -> Map | None:
        """Read the map of an image, or None where there is nothing to paste.

        Raises:
            StoreError: the mask is damaged.
        """
        index = self._find(name)
        if index is None or not self._places[index, 2]:
            return None
        try:
            saliency = self._masks.read(self._read_mask(index))
        except ImageError as error:
            raise StoreError(f"{self.path(name)}: {error}") from error
        return saliency if has_foreground(saliency) else None

    def check_masks(self) -> None:
        """Find out how the masks are read, before workers need it.

        Raises:
            StoreError: it cannot be known what their values mean.
        """
        _ = self._masks

    def is_empty(self, name: str) -> bool:
        """Tell whether there is nothing to paste; errors as of `foreground`."""
        return self.foreground(name) is None

    def path(self, name: str) -> Path:
        """Say how the mask of an image is, or would be, called."""
        return Path(_split_key(name)[0] + MASK_KIND)

    @cached_property
    def _masks(self) -> PlainMasks:
        """How the masks are read.

        Raises:
            StoreError: it cannot be known what their values mean.
        """
        masked = np.flatnonzero(self._places[:, 2]).tolist()
        some = evenly(masked, LOOKED_AT)
        try:
            return find_kind(self.root, map(self._read_mask, some))
        except StoreError as error:
            raise StoreError(f"{self.root}: masks of the shards: {error}") from error

    def _read_mask(self, index: int) -> bytes:
        return self._read(index, *self._places[index, 2:].tolist())

    def _find(self, name: str) -> int | None:
        place = bisect_left(self.names, name)
        found = place < len(self.names) and self.names[place] == name
        return place if found else None

    def _read(self, index: int, offset: int, size: int) -> bytes:
        # Opened each time: a forked worker would share the place in an open file.
        path = self.paths[int(self._ends.searchsorted(index, side="right"))]
        try:
            with path.open("rb") as file:
                file.seek(offset)
                content = file.read(size)
        except OSError as error:
            raise ImageError(
                f"{self.names[index]}: {path}: {error.strerror}"
            ) from error
        if len(content) < size:
            raise ImageError(f"{self.names[index]}: {path} has become shorter")
        return content


def _read_headers(path: Path) -> tuple[Names, NDArray[np.int64]]:
    """Find the images of one shard, sorted by name."""
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


def _check_end(path: Path, archive: tarfile.TarFile) -> None:
    """Check that the headers were read to the end mark, and nothing follows it.

    `tarfile` takes a header that it cannot read for the end, without a word.
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


def _sort_members(
    path: Path, members: Iterable[_Member]
) -> tuple[Names, NDArray[np.int64]]:
    """Put images beside their masks, in the order of their names."""
    images: dict[str, _Member] = {}  # by key
    masks: dict[str, _Member] = {}
    others: dict[str, str] = {}  # key -> a member like an image
    for member in members:
        key, kind = _split_key(member.name)
        if kind == MASK_KIND:
            masks[key] = member
        elif kind.lower() not in IMAGE_SUFFIXES:
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
    return Names(images[key].name for key in keys), np.array(places, np.int64)


def _split_key(name: str) -> tuple[str, str]:
    """Split d/KEY.mask.png into d/KEY and .mask.png."""
    folder, slash, base = name.rpartition("/")
    stem, dot, kind = base.partition(".")
    return folder + slash + stem, dot + kind
