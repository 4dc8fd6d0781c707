"""Where the map of each image is: in the parts of a store, or in a plain folder."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dilo.errors import StoreError
from dilo.masks.manifest import Layout
from dilo.masks.parts import (
    Row,
    check_name,
    digest,
    part_paths,
    read_part,
    schema,
    stem,
)


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

    def find(self, name: str) -> Row | None:
        """Look up an image by its name up to the suffix."""
        found = self._names.get(stem(name))
        if found is None:
            return None
        return Row(found, stem(found), 0, 0, confidence=float("nan"), empty=None)

    def names(self) -> Iterator[str]:
        """Yield the names of all masks."""
        return iter(self._names.values())

    def map_names(self) -> dict[str, str]:
        """Give for each mask its name without suffix, and the name of its file."""
        return dict(self._names)


class Index:
    """The rows of all parts, in 24 bytes a map.

    Holds three arrays and the mapped parts: no object for each map, so that forked
    workers share all of it. Of several rows of one map the last part's holds. Maps are
    numbered in the order of the parts.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        """Map all parts of a folder; those that cannot be read are in `damaged`."""
        import pyarrow as pa

        self.paths: list[Path] = []
        self.damaged: dict[Path, StoreError] = {}
        self.failures: dict[str, str] = {}  # image -> reason, of all parts
        batches: list[Any] = []
        self._starts: list[int] = []  # of the parts, in rows
        self._odd: dict[int, str] = {}  # row -> name that is no valid text
        self._map_names: dict[int, str] = {}  # row -> where it is not the image's stem
        start = 0
        for path in part_paths(folder):
            try:
                batch, notes = read_part(path, layout)
            except StoreError as error:
                self.damaged[path] = error
                continue
            self.failures |= notes["failures"]
            for rows, note in (
                (self._odd, "odd_paths"),
                (self._map_names, "clashing"),
            ):
                rows |= {start + row: text for row, text in notes[note].items()}
            self.paths.append(path)
            batches.append(batch.replace_schema_metadata())
            self._starts.append(start)
            start += len(batch)
        table = pa.Table.from_batches(batches, schema(layout))
        self._columns = dict(zip(table.column_names, table.columns, strict=True))
        self._rows = _last_rows(self._columns["key"].to_numpy())
        self.keys: NDArray[np.uint64] = self.column("key")  # digests of map names
        self._order = np.argsort(self.keys)
        self._clashing = {
            self._name(row): map_name
            for row, map_name in self._map_names.items()
            if (number := self.find_map(map_name)) is not None
            and self._rows[number] == row
        }

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, name: str) -> Any:
        """Give a column of the parts as an array, (N,)."""
        return self._columns[name].to_numpy()[self._rows]

    def find(self, name: str) -> Row | None:
        """Look up an image: by its full name, then by its name up to the suffix.

        Raises:
            InputError: `name` is no relative name.
        """
        number = self.find_map(self._clashing.get(name) or stem(name))
        return None if number is None else self[number]

    def holds(self, name: str) -> bool:
        """Say whether the map of this very image is there, not of a namesake.

        Raises:
            InputError: `name` is no relative name.
        """
        row = self.find(name)
        return row is not None and row.name == name

    def find_map(self, map_name: str) -> int | None:
        """Give the number of a map, by its own name, which has no suffix."""
        key = np.uint64(digest(map_name))
        at = self.keys.searchsorted(key, sorter=self._order)
        if at == len(self) or self.keys[self._order[at]] != key:
            return None
        return int(self._order[at])

    def __getitem__(self, number: int) -> Row:
        """Give what is known of a map."""
        row = int(self._rows[number])
        name, columns = self._name(row), self._columns
        return Row(
            name,
            self._map_names.get(row) or stem(name),
            columns["height"][row].as_py(),
            columns["width"][row].as_py(),
            columns["confidence"][row].as_py(),
            columns["empty"][row].as_py(),
            columns["map"][row].as_buffer() if "map" in columns else None,
        )

    def part(self, number: int) -> Path:
        """Give the part of a map."""
        row = self._rows[number]
        return self.paths[int(np.searchsorted(self._starts, row, side="right")) - 1]

    def names(self) -> Iterator[str]:
        """Yield the names of the images that have a map."""
        chunks = self._columns["path"].chunks
        names = chain.from_iterable(chunk.to_pylist() for chunk in chunks)
        rows = iter(self._rows.tolist())
        row = next(rows, None)
        for place, name in enumerate(names):
            if place == row:
                yield check_name(self._odd.get(place, name))
                row = next(rows, None)

    def map_names(self) -> dict[str, str]:
        """Give the name of each map, and that of its image."""
        return {self._clashing.get(name) or stem(name): name for name in self.names()}

    def _name(self, row: int) -> str:
        return check_name(self._odd.get(row) or self._columns["path"][row].as_py())


def _last_rows(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Give the rows that hold, sorted: of each key the last."""
    _, from_end = np.unique(keys[::-1], return_index=True)
    return np.sort(len(keys) - 1 - from_end)
