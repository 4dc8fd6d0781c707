"""Where the map of each image is: in the parts of a store, or in a plain folder."""

import math
from collections.abc import Iterable, Iterator
from itertools import chain, compress
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
        # Of files with one stem the .png is the mask: data sets such as MSRA10K keep
        # the photograph beside it as .jpg.
        names = sorted(names, key=lambda name: name.lower().endswith(".png"))
        self._files = {stem(name): name for name in names}
        self._stems = list(self._files)
        self._numbers = {map_name: k for k, map_name in enumerate(self._stems)}

    def __len__(self) -> int:
        return len(self._files)

    def find(self, name: str) -> int | None:
        """Give the number of the map of an image, by its name up to the suffix."""
        return self._numbers.get(stem(name))

    def __getitem__(self, number: int) -> Row:
        map_name = self._stems[number]
        return Row(self._files[map_name], map_name, 0, 0, math.nan, empty=None)

    def names(self) -> Iterable[str]:
        """Give the names of all masks."""
        return self._files.values()

    def map_names(self) -> dict[str, str]:
        """Give for each mask its name without suffix, and the name of its file."""
        return self._files


class Index:
    """The rows of all parts, in 29 bytes a map.

    Holds some arrays and the mapped parts: no object for each map, so that forked
    workers share all of it. Of several rows of one map the last part's holds. Maps are
    numbered in the order of the parts.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
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
            odd, clashing = notes["odd_paths"], notes["clashing"]
            self._odd |= {start + row: name for row, name in odd.items()}
            self._map_names |= {start + row: name for row, name in clashing.items()}
            self.paths.append(path)
            batches.append(batch.replace_schema_metadata())
            self._starts.append(start)
            start += len(batch)
        table = pa.Table.from_batches(batches, schema(layout))
        self._columns = dict(zip(table.column_names, table.columns, strict=True))
        self._rows = _last_rows(self._columns["key"].to_numpy())
        keys: NDArray[np.uint64] = self.column("key")  # digests of map names
        self._order = np.argsort(keys).astype(np.int32)
        self._sorted_keys = keys[self._order]
        self._numbers = [
            self.column(name) for name in ("height", "width", "confidence", "empty")
        ]
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

    def find(self, name: str) -> int | None:
        """Look up an image: by its full name, then by its name up to the suffix."""
        return self.find_map(self._clashing.get(name) or stem(name))

    def holds(self, name: str) -> bool:
        """Say whether the map of this very image is there, not of a namesake."""
        number = self.find(name)
        return number is not None and self[number].name == name

    def find_map(self, map_name: str) -> int | None:
        """Give the number of a map, by its own name, which has no suffix."""
        key = np.uint64(digest(map_name))
        at = self._sorted_keys.searchsorted(key)
        if at == len(self) or self._sorted_keys[at] != key:
            return None
        return int(self._order[at])

    def __getitem__(self, number: int) -> Row:
        """Give what is known of a map."""
        row = int(self._rows[number])
        name, maps = self._name(row), self._columns.get("map")
        map_name = self._map_names.get(row) or stem(name)
        height, width, confidence, empty = (
            column[number].item() for column in self._numbers
        )
        blob = None if maps is None else maps[row].as_buffer()
        return Row(name, map_name, height, width, confidence, empty, blob)

    def part(self, number: int) -> Path:
        """Give the part of a map."""
        row = self._rows[number]
        return self.paths[int(np.searchsorted(self._starts, row, side="right")) - 1]

    def names(self) -> Iterator[str]:
        """Yield the names of the images that have a map."""
        chunks = self._columns["path"].chunks
        names = chain.from_iterable(chunk.to_pylist() for chunk in chunks)
        holds = np.zeros(len(self._columns["path"]), bool)
        holds[self._rows] = True
        for row, name in compress(enumerate(names), holds):
            yield check_name(self._odd.get(row, name))

    def map_names(self) -> dict[str, str]:
        """Give the name of each map, and that of its image."""
        return {self._clashing.get(name) or stem(name): name for name in self.names()}

    def _name(self, row: int) -> str:
        return check_name(self._odd.get(row) or self._columns["path"][row].as_py())


def _last_rows(keys: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Give the rows that hold, sorted: of each key the last."""
    _, from_end = np.unique(keys[::-1], return_index=True)
    return np.sort(len(keys) - 1 - from_end).astype(np.int32)
