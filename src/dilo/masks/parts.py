"""Part files `part-00000.arrow`: what is known of some maps, and small maps themselves.

A part is written at once and whole, by one worker. It names the images of it that
failed too, so that a job that goes on knows what has been tried. The Arrow IPC files
can be read with any Arrow library: the columns are path, key, width, height,
confidence, empty and, in stores of the format arrow, map.
"""

import io
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.errors import StoreError
from dilo.files import write_atomic
from dilo.masks.manifest import Layout
from dilo.masks.naming import check_name, digests, stem

PATTERN = "part-*.arrow"


class Row(NamedTuple):
    """What a part says of one map."""

    name: str  # of the image
    map_name: str  # of the map, without suffix: mostly the name of the image up to its
    height: int  # of the upright image, pixels
    width: int
    confidence: float  # in [0, 1]; NaN where nobody said
    empty: bool
    blob: bytes | None  # of a store of the format arrow


def part_path(folder: Path, number: int) -> Path:
    """Say where a part is."""
    return folder / f"part-{number:05d}.arrow"


def part_paths(folder: Path) -> list[Path]:
    """List the parts of a store in the order of their numbers."""
    return sorted(folder.glob(PATTERN), key=lambda path: (len(path.name), path.name))


def write_part(
    path: Path,
    layout: Layout,
    rows: Sequence[Row],
    failures: Mapping[str, str] | None = None,
) -> None:
    """Write a part, atomically; the same content gives the same bytes.

    Args:
        path: the file.
        layout: of the store.
        rows: the maps.
        failures: the images that failed, each with the reason.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    import pyarrow as pa  # here, for it takes 0.2 s to import

    texts = [row.name.encode(errors="replace").decode() for row in rows]
    columns = {
        "path": pa.array(texts, pa.string()),
        "key": pa.array(digests((row.map_name for row in rows), len(rows))),
        "width": pa.array([row.width for row in rows], pa.int32()),
        "height": pa.array([row.height for row in rows], pa.int32()),
        "confidence": pa.array([row.confidence for row in rows], pa.float32()),
        "empty": pa.array([row.empty for row in rows], pa.bool_()),
    }
    if layout.format == "arrow":
        columns["map"] = pa.array([row.blob for row in rows], pa.binary())
    batch = pa.record_batch(columns)
    # Names of files need not be valid text, as Arrow's texts must be.
    odd = {
        place: row.name for place, row in enumerate(rows) if row.name != texts[place]
    }
    clashing = {
        place: row.map_name
        for place, row in enumerate(rows)
        if row.map_name != stem(row.name)
    }
    notes = {
        "failures": json.dumps(dict(sorted((failures or {}).items()))),
        "layout": json.dumps(layout.fields()),
        "odd_paths": json.dumps(odd),
    }
    if clashing:  # absent where there are none, as from earlier versions
        notes["clashing"] = json.dumps(clashing)
    checksum = str(_checksum(batch.replace_schema_metadata(notes)))
    batch = batch.replace_schema_metadata({**notes, "crc32": checksum})
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, batch.schema) as writer:
        writer.write_batch(batch)
    write_atomic(path, stream.getvalue())


class PartFile:
    """A part, memory-mapped: nothing is read before it is asked for."""

    def __init__(self, path: Path, layout: Layout) -> None:
        """Map a part of a store of this layout.

        Its `failures` are the images of the part that failed, each with the reason.

        Raises:
            StoreError: it is damaged, or belongs to another store.
        """
        self.path = path
        self.layout = layout
        try:
            self.number = int(path.stem.removeprefix("part-"))
            self._batch = _read(path)
            self._batch.validate()
            self.keys: NDArray[np.uint64] = self._column("key")
            self.widths: NDArray[np.int32] = self._column("width")
            self.heights: NDArray[np.int32] = self._column("height")
            self.confidences: NDArray[np.float32] = self._column("confidence")
            self.empty: NDArray[np.bool_] = self._column("empty")
            fields = self._note("layout")
            self.failures: dict[str, str] = self._note("failures")
            self._odd = self._note_of_rows("odd_paths")
            # Maps that are not named by the stem of their image, by row.
            self.clashing = self._note_of_rows("clashing")
            self._map_ends: NDArray[np.int32] | None = None
            if layout.format == "arrow":
                self._map_ends, self._maps = _text_buffers(self._batch.column("map"))
        except (ValueError, OSError, KeyError, TypeError) as error:
            raise _damaged(path, error) from error
        if fields != layout.fields():
            raise StoreError(
                f"{path}: keeps maps in another way than its store; delete it and run "
                f"`dilo masks` again"
            )

    def __len__(self) -> int:
        return len(self.keys)

    def name(self, row: int) -> str:
        """Give the name of the image of a row."""
        return check_name(self._odd.get(row) or self._batch.column("path")[row].as_py())

    def map_name(self, row: int) -> str:
        """Give the name of the map of a row, which has no suffix."""
        return self.clashing.get(row) or stem(self.name(row))

    def names(self) -> list[str]:
        """Give the names of the images of all rows."""
        names = self._batch.column("path").to_pylist()
        for row, name in self._odd.items():
            names[row] = name
        return [check_name(name) for name in names]

    def blob(self, row: int) -> Any:
        """Give the packed map of a row as a buffer, without copying it.

        Raises:
            StoreError: the part is damaged.
        """
        assert self._map_ends is not None
        start, end = int(self._map_ends[row]), int(self._map_ends[row + 1])
        if not 0 <= start <= end <= self._maps.size:
            raise _damaged(self.path, f"no map in row {row}")
        return self._maps.slice(start, end - start)

    def check(self) -> None:
        """Compare the content with its checksum.

        Raises:
            StoreError: they disagree.
        """
        expected = self._batch.schema.metadata.get(b"crc32", b"").decode()
        try:
            self._batch.validate(full=True)
            found = str(_checksum(self._batch))
        except (ValueError, OSError) as error:
            raise _damaged(self.path, error) from error
        if found != expected:
            raise _damaged(self.path, f"checksum {found} instead of {expected}")

    def _note(self, name: str, default: str = "") -> Any:
        text = self._batch.schema.metadata.get(name.encode(), default)
        return json.loads(text)  # an empty one is damaged

    def _note_of_rows(self, name: str) -> dict[int, str]:
        return {int(row): text for row, text in self._note(name, "{}").items()}

    def _column(self, name: str) -> Any:
        return self._batch.column(name).to_numpy(zero_copy_only=False)


def _read(path: Path) -> Any:
    import pyarrow as pa

    # The mapping stays while buffers of it are in use; the file itself is closed, so
    # that thousands of parts do not exhaust what a process may open.
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file.read_buffer())
    if reader.num_record_batches != 1:
        raise ValueError(f"{reader.num_record_batches} record batches")
    return reader.get_batch(0)


def _text_buffers(column: Any) -> tuple[NDArray[np.int32], Any]:
    """Give the ends (N + 1,) and the bytes of a column of texts or bytes."""
    import pyarrow as pa

    _, ends, content = column.buffers()
    if ends is None or len(column) == 0:
        return np.zeros(1, np.int32), pa.py_buffer(b"")
    return np.frombuffer(ends, np.int32, len(column) + 1), content


def _checksum(batch: Any) -> int:
    """CRC of the content; not of the padding between, of which files are free."""
    notes = batch.schema.metadata
    total = zlib.crc32(
        b"\n".join(notes[key] for key in sorted(notes) if key != b"crc32")
    )
    for name in batch.schema.names:
        column = batch.column(name)
        if name in ("path", "map"):
            ends, content = _text_buffers(column)
            total = zlib.crc32(ends.tobytes(), total)
            total = zlib.crc32(content.slice(0, int(ends[-1])), total)
        else:
            values = column.to_numpy(zero_copy_only=False)
            total = zlib.crc32(values.tobytes(), total)
    return total


def _damaged(path: Path, reason: object) -> StoreError:
    return StoreError(
        f"{path}: damaged ({reason}); run `dilo masks` again with --verify --repair, "
        f"then without"
    )
