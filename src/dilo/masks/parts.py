"""Part files `part-00000.arrow`: what is known of some maps, and small maps themselves.

A part is written at once and whole, by one worker. It names the images of it that
failed too, so that a job that goes on knows what has been tried. The Arrow IPC files
can be read with any Arrow library: the columns are path, key, width, height,
confidence, empty and, in stores of the format arrow, map.
"""

import hashlib
import io
import json
import math
import posixpath
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError, StoreError
from dilo.files import write_atomic
from dilo.folder import is_image_name, walk
from dilo.image import Map, check_map, resize
from dilo.kernel_cache import njit
from dilo.masks.manifest import Layout

# Takes 0.25 ms a map; level 9 makes it 3 % larger in 0.15 ms, 15 3 % smaller in 0.9 ms.
ZSTD_LEVEL = 12


class Row(NamedTuple):
    """What is known of one map."""

    name: str  # of the image
    map_name: str  # of the map, without suffix: mostly the name of the image up to its
    height: int  # of the upright image, pixels
    width: int
    confidence: float  # in [0, 1]; NaN where nobody said
    empty: bool  # without foreground; in a plain folder only the map can tell
    blob: Any = None  # bytes or a buffer of them, in a store of the format arrow


def check_name(name: str) -> str:
    """Return `name` if it stays within the folder it is relative to.

    Raises:
        InputError: it is empty, absolute, or climbs out by "..".
    """
    parts = name.replace("\\", "/").split("/")
    outside = not parts[0] or parts[0].endswith(":") or ".." in parts
    if outside or parts[-1] in ("", ".") or "\0" in name:
        raise InputError(
            f"an image name is relative to the folder of images, as in 'a/b.jpg', "
            f"got {name!r}"
        )
    return name


def stem(name: str) -> str:
    """Drop the suffix of an image name: a/b.jpg -> a/b."""
    return posixpath.splitext(check_name(name))[0]


def digest(text: str) -> int:
    """Shorten a text to 64 bits, enough to distinguish millions of names.

    Among ten million, two agree with a probability of 3 in a million.
    """
    data = text.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def digests(texts: Iterable[str], count: int = -1) -> NDArray[np.uint64]:
    """Shorten many texts, (N,); knowing their `count` saves memory."""
    return np.fromiter(map(digest, texts), np.uint64, count)


def png_path(folder: Path, map_name: str) -> Path:
    """Say where a map is in a store of the format png."""
    return folder / f"{map_name}.png"


def part_path(folder: Path, number: int) -> Path:
    """Say where a part is."""
    return folder / f"part-{number:05d}.arrow"


def part_paths(folder: Path) -> dict[int, Path]:
    """Give the parts of a store by their numbers, in order."""
    found = {path.stem[5:]: path for path in folder.glob("part-*.arrow")}
    return dict(sorted((int(n), found[n]) for n in found if n.isdecimal()))


def schema(layout: Layout) -> Any:
    """Give the columns of a part, in Arrow's terms."""
    import pyarrow as pa  # here and below, for it takes 0.2 s to import

    columns = {
        "path": pa.string(),
        "key": pa.uint64(),  # digest of the name of the map
        "width": pa.int32(),
        "height": pa.int32(),
        "confidence": pa.float32(),
        "empty": pa.bool_(),
    }
    if layout.format == "arrow":
        columns["map"] = pa.binary()
    return pa.schema(columns)


def write_part(
    path: Path,
    layout: Layout,
    rows: Sequence[Row],
    failures: Mapping[str, str] | None = None,
) -> None:
    """Write maps and failures (name -> reason); the same gives the same bytes."""
    import pyarrow as pa

    batch = _as_batch(rows, layout, failures)
    notes = {**batch.schema.metadata, "crc32": str(_checksum(batch))}
    batch = batch.replace_schema_metadata(notes)
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, batch.schema) as writer:
        writer.write_batch(batch)
    write_atomic(path, stream.getvalue())


def _as_batch(
    rows: Sequence[Row], layout: Layout, failures: Mapping[str, str] | None = None
) -> Any:
    import pyarrow as pa

    # Names of files need not be valid text, as Arrow's texts must be.
    texts = [row.name.encode(errors="replace").decode() for row in rows]
    fields = [
        {**row._asdict(), "path": text, "key": digest(row.map_name), "map": row.blob}
        for row, text in zip(rows, texts, strict=True)
    ]
    batch = pa.RecordBatch.from_pylist(fields, schema(layout))
    places = range(len(rows))
    odd = {k: rows[k].name for k in places if rows[k].name != texts[k]}
    clashing = {
        k: rows[k].map_name for k in places if rows[k].map_name != stem(rows[k].name)
    }
    notes = {
        "failures": json.dumps(dict(sorted((failures or {}).items()))),
        "layout": json.dumps(layout.fields()),
        "odd_paths": json.dumps(odd),
    }
    if clashing:  # absent where there are none, as from earlier versions
        notes["clashing"] = json.dumps(clashing)
    return batch.replace_schema_metadata(notes)


def read_part(
    path: Path, layout: Layout, *, check: bool = False
) -> tuple[Any, dict[str, Any]]:
    """Map a part into memory; its maps are read when they are asked for.

    Returns:
        Arrow's record batch; and `failures`, `odd_paths` (by row, names that are no
        valid text) and `clashing` (by row, names of maps that are not named by the
        stem of their image).

    Raises:
        StoreError: it is damaged (to `check`, its checksum is compared), or of a store
            of another layout.
    """
    import pyarrow as pa

    try:
        # The mapping stays while buffers of it are in use; the file itself is closed,
        # so that thousands of parts do not exhaust what a process may open.
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file.read_buffer())
        (batch,) = map(reader.get_batch, range(reader.num_record_batches))
        batch.validate(full=True)
        notes = _notes(batch)
        if check and notes["crc32"] != (found := _checksum(batch)):
            raise ValueError(f"checksum {found} instead of {notes['crc32']}")
        if notes["layout"] != layout.fields():
            raise ValueError("it keeps maps in another way than its store")
        if not batch.schema.equals(schema(layout)):
            raise ValueError(f"columns {batch.schema.names}")
        return batch, notes
    except (pa.ArrowException, ValueError, OSError, LookupError, TypeError) as error:
        raise StoreError(
            f"{path}: damaged ({error}); run `dilo masks` again with --verify "
            f"--repair, then without"
        ) from error


def read_plain(folder: Path) -> tuple[Any, dict[str, Any]]:
    """Take the masks of a folder without manifest as the rows of a part.

    Raises:
        InputError: there is no such folder, or no image file in it.
    """
    # Of files with one stem the .png is the mask, and the last row holds: data sets
    # such as MSRA10K keep the photograph beside it as .jpg.
    names = list(walk(folder, is_image_name))
    if not names:
        raise InputError(f"{folder}: no image files below this folder")
    names.sort(key=lambda name: name.lower().endswith(".png"))
    rows = [Row(name, stem(name), 0, 0, math.nan, empty=False) for name in names]
    batch = _as_batch(rows, Layout())
    return batch, _notes(batch)


def _notes(batch: Any) -> dict[str, Any]:
    metadata = batch.schema.metadata
    notes = {key.decode(): json.loads(metadata[key]) for key in metadata}
    for key in ("odd_paths", "clashing"):
        notes[key] = {int(row): name for row, name in notes.get(key, {}).items()}
    return notes


def _checksum(batch: Any) -> int:
    """CRC of the content; not of the padding between, of which files are free."""
    notes = batch.schema.metadata
    total = zlib.crc32(
        b"\n".join(notes[key] for key in sorted(notes) if key != b"crc32")
    )
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in ("path", "map"):
            values = column.to_numpy(zero_copy_only=False)
            total = zlib.crc32(values.tobytes(), total)
            continue
        _, buffer, content = column.buffers()
        if buffer is None or len(column) == 0:
            total = zlib.crc32(bytes(4), total)
            continue
        ends = np.frombuffer(buffer, np.int32, len(column) + 1)
        total = zlib.crc32(ends.tobytes(), total)
        total = zlib.crc32(content.slice(0, int(ends[-1])), total)
    return total


def stored_shape(height: int, width: int, side: int) -> tuple[int, int]:
    """Give the shape in which the map of an image is kept; never enlarged."""
    scale = min(1.0, side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def pack(saliency: Map, layout: Layout) -> bytes:
    """Reduce a map to the stored size and levels, and compress it.

    Raises:
        InputError: `saliency` is no Map.
    """
    check_map(saliency)
    height, width = saliency.shape
    shape = stored_shape(height, width, layout.side)
    if saliency.shape != shape:
        # Averaging can round to just above 1.
        saliency = resize(saliency, *shape).clip(0, 1)
    top = np.float32(2**layout.bits - 1)
    levels = np.rint(saliency * top).astype(np.uint8)
    if layout.bits == 4:
        # A pixel and the one below in a byte: 6 % smaller than with the one beside.
        if len(levels) % 2:
            levels = np.vstack([levels, levels[-1:]])
        levels = levels[0::2] << 4 | levels[1::2]
    packed: bytes = _codec().compress(levels.tobytes(), asbytes=True)
    return packed


def unpack(blob: Any, shape: tuple[int, int], layout: Layout) -> Map:
    """Give back a map, of the shape in which it is stored.

    Args:
        blob: what `pack` gave: bytes, or any buffer of them.
        shape: height and width of the image.
        layout: as it was packed.

    Raises:
        StoreError: the bytes are damaged.
    """
    height, width = shape = stored_shape(*shape, layout.side)
    rows = height if layout.bits == 8 else (height + 1) // 2  # of bytes
    try:
        # To a known size, whatever the bytes themselves say of it.
        raw = _codec().decompress(blob, rows * width)
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot be decompressed ({error})") from error
    packed = np.frombuffer(raw, np.uint8)
    if layout.bits == 8:
        return packed.astype(np.float32).reshape(shape) / np.float32(255)
    saliency = np.empty(2 * rows * width, np.float32)
    _spread(packed, np.uint64(width), saliency)
    return saliency[: height * width].reshape(shape)


@njit(nogil=True, error_model="numpy")
def _spread(
    packed: NDArray[np.uint8], width: np.uint64, saliency: NDArray[np.float32]
) -> None:
    """Write the two pixels in each byte, one above the other, in [0, 1]."""
    top = np.float32(15)
    for begin in range(np.uint64(0), np.uint64(len(packed)), width):
        above, below = begin + begin, begin + begin + width
        for x in range(width):
            byte = np.int32(packed[begin + x])  # wider numbers would be no vectors
            saliency[above + x] = np.float32(np.int32(byte >> 4)) / top
            saliency[below + x] = np.float32(np.int32(byte & 15)) / top


@cache
def _codec() -> Any:
    import pyarrow as pa  # here, for it takes 0.2 s to import

    return pa.Codec("zstd", compression_level=ZSTD_LEVEL)
