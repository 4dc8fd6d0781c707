"""Where the map of each image is: in the parts of a store, or in a plain folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dilo.errors import StoreError
from dilo.masks.manifest import Layout
from dilo.masks.naming import digest, stem
from dilo.masks.parts import PartFile, part_paths

Scalar = TypeVar("Scalar", np.bool_, np.float32, np.uint64)


class Place(NamedTuple):
    """A row of a part."""

    part: PartFile
    row: int


class Entry(NamedTuple):
    """What is known of one map."""

    name: str  # of the image; in a plain folder of masks, of the file
    shape: tuple[int, int] | None = None  # of the upright image; None: as the file
    empty: bool | None = None  # None: only the map can tell
    confidence: float = float("nan")
    place: Place | None = None


class PlainFolder:
    """The files of a folder of masks that has no manifest."""

    def __init__(self, names: list[str]) -> None:
        """Take the names of all files."""
        # Of files with one stem the .png is the mask: data sets such as MSRA10K keep
        # the photograph beside it as .jpg.
        names = sorted(names, key=lambda name: name.lower().endswith(".png"))
        self._names = {stem(name): name for name in names}

    def __len__(self) -> int:
        return len(self._names)

    def find(self, name: str) -> Entry | None:
        """Look up an image by its name up to the suffix."""
        found = self._names.get(stem(name))
        return None if found is None else Entry(found)

    def names(self) -> Iterator[str]:
        """Yield the names of all masks."""
        return iter(self._names.values())

    def map_names(self) -> Iterator[tuple[str, str]]:
        """Yield for each mask its name without suffix, and the name of its file."""
        return iter(self._names.items())


class Index:
    """The rows of all parts, in 16 bytes a map.

    Holds two sorted arrays and the mapped parts: no object for each map, so that
    forked workers share all of it. Of several rows of one map the last part's holds.
    """

    def __init__(self, parts: Sequence[PartFile]) -> None:
        """Sort the rows of parts that come in the order of their numbers."""
        self.parts = parts
        nothing = np.zeros(0, np.uint64)
        keys = np.concatenate([nothing, *(part.keys for part in parts)])
        sizes = np.array([len(part) for part in parts], np.int64)
        self._starts = np.cumsum(sizes) - sizes
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
        # Digests of the names of the maps.
        self.keys: NDArray[np.uint64] = keys[last]
        self._rows = order[last]  # counted over all parts
        self._clashing = self._find_clashing()

    @classmethod
    def read(cls, folder: Path, layout: Layout) -> "Index":
        """Map all parts of a folder.

        Raises:
            StoreError: a part is damaged.
        """
        return cls([PartFile(path, layout) for path in part_paths(folder)])

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, name: str) -> Entry | None:
        """Look up an image: by its full name, then by its name up to the suffix.

        Raises:
            InputError: `name` is no relative name.
        """
        place = self.find_map(self._clashing.get(name) or stem(name))
        if place is None:
            return None
        part, row = place
        return Entry(
            name,
            (int(part.heights[row]), int(part.widths[row])),
            bool(part.empty[row]),
            float(part.confidences[row]),
            place,
        )

    def holds(self, name: str) -> bool:
        """Say whether the map of this very image is there, not of a namesake.

        Raises:
            InputError: `name` is no relative name.
        """
        entry = self.find(name)
        if entry is None or entry.place is None:
            return False
        return entry.place.part.name(entry.place.row) == name

    def find_map(self, map_name: str) -> Place | None:
        """Look up a map by its own name, which has no suffix."""
        key = np.uint64(digest(map_name))
        at = self.keys.searchsorted(key)
        if at == len(self.keys) or self.keys[at] != key:
            return None
        return self._place(self._rows[at])

    def places(self) -> Iterator[Place]:
        """Yield all maps, part by part."""
        return map(self._place, np.sort(self._rows))

    def names(self) -> Iterator[str]:
        """Yield the names of the images that have a map, part by part."""
        active = self._active
        for part, start in zip(self.parts, self._starts, strict=True):
            names = part.names()
            rows = active[start : start + len(part)]
            yield from (names[row] for row in np.flatnonzero(rows))

    def map_names(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each map, and that of its image."""
        for name in self.names():
            yield self._clashing.get(name) or stem(name), name

    def empty(self) -> NDArray[np.bool_]:
        """Say of each map whether it is empty, in the order of `names`."""
        return self._gather([part.empty for part in self.parts], np.bool_)

    def confidences(self) -> NDArray[np.float32]:
        """Give the confidence of each map, in the order of `names`."""
        values = [part.confidences for part in self.parts]
        return self._gather(values, np.float32)

    def map_keys(self) -> NDArray[np.uint64]:
        """Give the digest of the name of each map, in the order of `names`."""
        return self._gather([part.keys for part in self.parts], np.uint64)

    def _find_clashing(self) -> dict[str, str]:
        """Give the images whose map has not their stem as its name, with its name."""
        clashing: dict[str, str] = {}
        for part in self.parts:
            for row, map_name in part.clashing.items():
                if self.find_map(map_name) == Place(part, row):
                    clashing[part.name(row)] = map_name
        return clashing

    def _gather(
        self, values: Sequence[NDArray[Scalar]], kind: type[Scalar]
    ) -> NDArray[Scalar]:
        return np.concatenate([np.zeros(0, kind), *values])[self._active]

    @property
    def _active(self) -> NDArray[np.bool_]:
        """Of all rows in the order of parts, those that hold."""
        active = np.zeros(sum(map(len, self.parts)), bool)
        active[self._rows] = True
        return active

    def _place(self, row: np.int64) -> Place:
        at = int(self._starts.searchsorted(row, side="right")) - 1
        return Place(self.parts[at], int(row - self._starts[at]))


def read_sound_parts(folder: Path, layout: Layout) -> tuple[Index, dict[Path, str]]:
    """Map the parts of a folder that can be read, and say why others cannot."""
    parts: list[PartFile] = []
    damaged: dict[Path, str] = {}
    for path in part_paths(folder):
        try:
            parts.append(PartFile(path, layout))
        except StoreError as error:
            damaged[path] = str(error).removeprefix(f"{path}: ").partition(";")[0]
    return Index(parts), damaged
