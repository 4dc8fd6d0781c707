"""WebDataset shards: the images in tar files, by number.

What an image becomes depends only on (seed, epoch, index), and every epoch has another
order; so images are read at random. The headers tell once where each lies, then its
bytes are read from there. The library webdataset reads shards as streams, in an order
that depends on the number of workers: it is not used.
"""

import os
from bisect import bisect_left
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from dilo.data.tar_index import MASK_KIND, read_contents
from dilo.errors import ImageError, InputError, StoreError
from dilo.folder import Names
from dilo.foreground import has_foreground
from dilo.image import Map, read_map
from dilo.progress import notify_if_slow

SUFFIX = ".tar"

THREADS = 16  # reading headers is waiting, above all on a network


class Shards:
    """The images of some tar files, in the order of their names.

    The name of an image is SHARD/MEMBER, as if each shard were unpacked into a folder
    of its own name: the images are those of that folder, in the same order. A million
    take some 75 MB, which forked workers share.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the headers of the shards at `paths`.

        Raises:
            InputError: a shard is missing, compressed, damaged, without images, or
                there twice; or a name in it does not tell one image from another.
        """
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
            ThreadPoolExecutor(min(THREADS, len(paths))) as pool,
        ):
            parts = list(pool.map(read_contents, self.paths))
        self.names = Names(
            prefix + name
            for prefix, part in zip(sorted(prefixes), parts, strict=True)
            for name in part.names
        )
        self._places = np.concatenate([part.places for part in parts])  # int64 (N, 4)
        self._ends = np.cumsum([len(part.names) for part in parts])  # of each shard

    def read(self, index: int) -> bytes:
        """Read the file of an image.

        Raises:
            ImageError: its shard has been removed or changed.
        """
        return self._read(index, *self._places[index, :2].tolist())

    def read_mask(self, index: int) -> bytes | None:
        """Read the file of an image's mask; None: it has none.

        Raises:
            ImageError: its shard has been removed or changed.
        """
        offset, size = self._places[index, 2:].tolist()
        return self._read(index, offset, size) if offset else None

    def has_mask(self, index: int) -> bool:
        """Tell whether a mask lies beside an image."""
        return bool(self._places[index, 2])

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


class ShardMasks:
    """The masks that lie in the shards beside the images, as KEY.mask.png."""

    def __init__(self, shards: Shards) -> None:
        """Read from `shards`."""
        self.shards = shards

    def __contains__(self, name: str) -> bool:
        index = self._find(name)
        return index is not None and self.shards.has_mask(index)

    def foreground(self, name: str) -> Map | None:
        """Read the map of an image, or None where there is nothing to paste.

        Raises:
            StoreError: the mask is damaged.
        """
        index = self._find(name)
        try:
            content = None if index is None else self.shards.read_mask(index)
            saliency = None if content is None else read_map(content)
        except ImageError as error:
            raise StoreError(f"{self.path(name)}: {error}") from error
        return None if saliency is None or not has_foreground(saliency) else saliency

    def is_empty(self, name: str) -> bool:
        """Tell whether there is nothing to paste.

        Raises:
            StoreError: the mask is damaged.
        """
        return self.foreground(name) is None

    def path(self, name: str) -> Path:
        """Say how the mask of an image is, or would be, called."""
        folder, slash, base = name.rpartition("/")
        return Path(folder + slash + base.partition(".")[0] + MASK_KIND)

    def _find(self, name: str) -> int | None:
        names = self.shards.names
        place = bisect_left(names, name)
        return place if place < len(names) and names[place] == name else None
