"""Where the map of each image is, among millions, in 16 bytes a map."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dilo.errors import StoreError
from dilo.masks.manifest import Layout
from dilo.masks.naming import digest, stem
from dilo.masks.parts import PartFile, part_paths

Scalar = TypeVar("Scalar", np.bool_, np.float32)


class Place(NamedTuple):
    """A row of a part."""

    part: PartFile
    row: int


class Index:
    """The rows of all parts, found by the name of the image up to its suffix.

    Holds two sorted arrays and the mapped parts: no object for each map, so that
    forked workers share all of it. Of several rows of one name the last part's holds.
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
        self.keys: NDArray[np.uint64] = keys[last]
        self._rows = order[last]  # counted over all parts

    @classmethod
    def read(cls, folder: Path, layout: Layout) -> "Index":
        """Map all parts of a folder.

        Raises:
            StoreError: a part is damaged.
        """
        return cls([PartFile(path, layout) for path in part_paths(folder)])

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, name: str) -> Place | None:
        """Give the place of the map of an image, if there is one.

        Raises:
            InputError: `name` is no relative name.
        """
        key = np.uint64(digest(stem(name)))
        at = self.keys.searchsorted(key)
        if at == len(self.keys) or self.keys[at] != key:
            return None
        return self._place(self._rows[at])

    def places(self) -> Iterator[Place]:
        """Yield all maps, part by part."""
        return map(self._place, np.sort(self._rows))

    def names(self) -> Iterator[str]:
        """Yield the names of the images that have a map, part by part."""
        for part, start in zip(self.parts, self._starts, strict=True):
            names = part.names()
            rows = self._active[start : start + len(part)]
            yield from (names[row] for row in np.flatnonzero(rows))

    def empty(self) -> NDArray[np.bool_]:
        """Tell of each map whether it is empty, in the order of `names`."""
        return self._gather([part.empty for part in self.parts], np.bool_)

    def confidences(self) -> NDArray[np.float32]:
        """Give the confidence of each map, in the order of `names`."""
        values = [part.confidences for part in self.parts]
        return self._gather(values, np.float32)

    def part_numbers(self) -> NDArray[np.int64]:
        """Give the number of the part of each map, in the order of `keys`."""
        numbers = np.array([part.number for part in self.parts], np.int64)
        return numbers[self._starts.searchsorted(self._rows, side="right") - 1]

    def in_order_of_keys(self, values: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Bring values in the order of `names` to that of `keys`."""
        ranks = np.empty(len(self._rows), np.int64)
        ranks[np.argsort(self._rows)] = np.arange(len(self._rows))
        return values[ranks]

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
