"""What a store holds, and what is left to do in it."""

import itertools
import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dilo.errors import StoreError
from dilo.folder import IMAGE_SUFFIXES, Names
from dilo.masks.manifest import Layout
from dilo.masks.parts import (
    check_name,
    digest,
    digests,
    part_paths,
    read_part,
    read_plain,
    schema,
    stem,
)
from dilo.masks.work import Part, PartImage


class Index:
    """The rows of all parts of a store, or the masks of a plain folder.

    Holds some arrays, 25 bytes a map, and the mapped parts: no object for each map, so
    that forked workers share all of it. Rows are numbered through all parts; of several
    rows of one map the last holds.

    Without layout it is a plain folder. Parts that cannot be read go to the list
    `damaged`; without one they are a StoreError.
    """

    def __init__(
        self, folder: Path, layout: Layout | None, damaged: list[Path] | None = None
    ) -> None:
        import pyarrow as pa

        self._parts: dict[int, Path] = {}  # by their first row
        self.numbers: set[int] = set()  # of the parts
        self.failures: dict[str, str] = {}  # image -> reason, of all parts
        batches: list[Any] = []
        self._odd: dict[int, str] = {}  # row -> name that is no valid text
        self._map_names: dict[int, str] = {}  # row -> where it is not the image's stem
        start = 0
        for number, path in (part_paths(folder) if layout else {0: folder}).items():
            try:
                batch, notes = read_part(path, layout) if layout else read_plain(folder)
            except StoreError:
                if damaged is None:
                    raise
                damaged.append(path)
                continue
            self.numbers.add(number)
            self.failures |= notes["failures"]
            odd, clashing = notes["odd_paths"], notes["clashing"]
            self._odd |= {start + row: name for row, name in odd.items()}
            self._map_names |= {start + row: name for row, name in clashing.items()}
            self._parts[start] = path
            batches.append(batch.replace_schema_metadata())
            start += len(batch)
        table = pa.Table.from_batches(batches, schema(layout or Layout()))
        self._columns = dict(zip(table.column_names, table.columns, strict=True))
        keys = self._columns["key"].to_numpy()
        self._keys, from_end = np.unique(keys[::-1], return_index=True)
        self._rows = (len(keys) - 1 - from_end).astype(np.int32)  # those of the keys
        self._heights, self._widths, self._confidences, self._empty = (
            self._columns[name].to_numpy()
            for name in ("height", "width", "confidence", "empty")
        )
        self._clashing = {
            self.name(row): map_name
            for row, map_name in self._map_names.items()
            if self.find_map(map_name) == row
        }

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> NDArray[np.int32]:
        """Give the rows that hold, in their order, (N,)."""
        return np.sort(self._rows)

    def column(self, name: str) -> Any:
        """Give a column of the rows that hold, (N,)."""
        return self._columns[name].to_numpy()[self.rows()]

    def names(self) -> Iterator[str]:
        """Yield the names of the images of the rows that hold."""
        chunks = self._columns["path"].chunks
        names = itertools.chain.from_iterable(chunk.to_pylist() for chunk in chunks)
        holds = np.zeros(len(self._columns["path"]), bool)
        holds[self._rows] = True
        for row, name in itertools.compress(enumerate(names), holds):
            yield check_name(self._odd.get(row, name))

    def map_names(self) -> dict[str, str]:
        """Give the name of each map, and that of its image."""
        return {self._clashing.get(name) or stem(name): name for name in self.names()}

    def find(self, name: str) -> int | None:
        """Give the row of an image: by its full name, then by that up to the suffix."""
        return self.find_map(self._clashing.get(name) or stem(name))

    def find_map(self, map_name: str) -> int | None:
        """Give the row of a map, by its own name, which has no suffix."""
        at = _place(self._keys, digest(map_name))
        return None if at is None else int(self._rows[at])

    def name(self, row: int) -> str:
        """Give the name of an image."""
        return check_name(self._odd.get(row) or self._columns["path"][row].as_py())

    def map_name(self, row: int) -> str:
        """Give the name of a map, without suffix."""
        return self._map_names.get(row) or stem(self.name(row))

    def shape(self, row: int) -> tuple[int, int]:
        """Give height and width of the upright image, in pixels."""
        return int(self._heights[row]), int(self._widths[row])

    def confidence(self, row: int) -> float:
        """Say how much a map can be trusted, in [0, 1]; NaN where nobody said."""
        return float(self._confidences[row])

    def is_empty(self, row: int) -> bool:
        """Say whether a map has no foreground; in a plain folder only it can tell."""
        return bool(self._empty[row])

    def blob(self, row: int) -> Any:
        """Give the bytes of a packed map."""
        return self._columns["map"][row].as_buffer()

    def parts(self) -> dict[int, Path]:
        """Give the parts by their first rows."""
        return self._parts

    def part(self, row: int) -> Path:
        """Give the part of a row."""
        return self._parts[max(start for start in self._parts if start <= row)]


class Remaining:
    """The images of a job that need a map, and in which parts they are done.

    New images go, in their order, into parts of a fixed size with the lowest numbers
    that are free. So a part that is missing because the job was killed, or because it
    was damaged and deleted, comes about again with the same number and the same images.
    Images that were tried before are tried again after all others, in further parts:
    they never shift the first.

    Args:
        names: all images, sorted.
        index: the maps that are there.
        tried: the images known to have failed, but for those that the parts name.
        files: digests of the maps of which there are files, in the format png.
        replaced: the images whose maps are to be made again.
    """

    def __init__(
        self,
        names: Names,
        index: Index,
        tried: Iterable[str] = (),
        files: NDArray[np.uint64] | None = None,
        replaced: Iterable[str] = (),
    ) -> None:
        self._names = names
        self._numbers = index.numbers
        exact = digests(names, len(names))
        stems = digests(map(stem, names), len(names))
        owners = digests(index.names(), len(index))
        keys = index.column("key")
        whole = np.ones(len(index), bool) if files is None else np.isin(keys, files)
        # Maps whose image is there keep their names; others are overwritten.
        kept = whole & np.isin(owners, exact)
        missing = ~np.isin(exact, owners[kept])
        late = np.isin(exact, digests([*tried, *index.failures]))
        late |= np.isin(exact, owners[~kept]) | np.isin(stems, keys[~kept])
        again = np.isin(exact, digests(replaced))
        missing, late = missing | again, late | again
        taken = np.isin(stems, keys[kept]) & ~again
        self._new = np.flatnonzero(missing & ~late)  # places in `names`
        self._late = np.flatnonzero(missing & late)
        self._shared, self._map_names = _find_clashes(
            names, stems, missing, taken, keys[whole]
        )

    def __len__(self) -> int:
        return len(self._new) + len(self._late)

    def parts(self, size: int) -> Iterator[Part]:
        """Yield parts of so many images; the names of each when its turn has come."""
        free = (number for number in itertools.count() if number not in self._numbers)
        last = max(self._numbers, default=-1)
        for images in self._slices(self._new, size, keep=True):
            last = max(last, number := next(free))
            yield Part(number, images)
        for number, images in enumerate(self._slices(self._late, size), last + 1):
            yield Part(number, images, late=True)

    def _slices(
        self, places: NDArray[np.int64], size: int, *, keep: bool = False
    ) -> Iterator[tuple[PartImage, ...]]:
        for start in range(0, len(places), size):
            chosen = places[start : start + size].tolist()
            yield tuple(self._image(self._names[place], keep) for place in chosen)

    def _image(self, name: str, keep: bool) -> PartImage:
        map_name = self._map_names.get(name) or stem(name)
        # A PNG file that several images may own might be that of another.
        suffix = posixpath.splitext(map_name)[1].lower()
        certain = name not in self._shared and suffix not in IMAGE_SUFFIXES
        return PartImage(name, map_name, keep and certain)


def _find_clashes(
    names: Names,
    stems: NDArray[np.uint64],
    missing: NDArray[np.bool_],
    taken: NDArray[np.bool_],
    keys: NDArray[np.uint64],
) -> tuple[set[str], dict[str, str]]:
    """Name the images without a map that share their stem, and the maps of the later.

    Of images with one stem the first by name gets it, unless it is taken already. The
    others keep their whole name, and more if that is the stem of a further image.
    """
    places = np.flatnonzero(missing)
    different, counts = np.unique(stems, return_counts=True)
    shared = counts[different.searchsorted(stems[places])] > 1
    _, firsts = np.unique(stems[places], return_index=True)
    clashing = taken[places]
    clashing[np.delete(np.arange(len(places)), firsts)] = True
    used = np.union1d(stems, keys) if clashing.any() else stems
    map_names: dict[str, str] = {}
    for name in map(names.__getitem__, places[clashing].tolist()):
        map_name = name
        while _place(used, digest(map_name)) is not None:
            map_name += "~"
        map_names[name] = map_name
    of_groups = map(names.__getitem__, places[shared].tolist())
    return {*of_groups, *map_names}, map_names


def _place(numbers: NDArray[np.uint64], number: int) -> int | None:
    """Look a number up in sorted ones."""
    at = int(numbers.searchsorted(np.uint64(number)))
    return at if at < len(numbers) and numbers[at] == number else None
