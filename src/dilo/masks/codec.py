"""Small maps of few levels, compressed: a kilobyte each, unpacked in microseconds."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dilo.errors import StoreError
from dilo.image import Map, check_map, resize
from dilo.masks.manifest import Layout

# Takes 0.15 ms a map; more would gain 8 % at five times the time.
ZSTD_LEVEL = 9


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
    levels = np.rint(saliency * top).astype(np.uint8).ravel()
    if layout.bits == 4:
        if levels.size % 2:
            levels = np.append(levels, np.uint8(0))
        levels = levels[0::2] << 4 | levels[1::2]
    compressed: bytes = _codec().compress(levels.tobytes(), asbytes=True)
    return compressed


def unpack(blob: Any, shape: tuple[int, int], bits: int) -> Map:
    """Give back a map of the stored shape.

    Args:
        blob: what `pack` gave: bytes, or any buffer of them.
        shape: height and width at which it is stored.
        bits: of the stored levels, 4 or 8.

    Raises:
        StoreError: the bytes are damaged.
    """
    count = shape[0] * shape[1]
    try:
        raw = _codec().decompress(blob, count if bits == 8 else (count + 1) // 2)
    except (ValueError, OSError) as error:
        raise StoreError(f"cannot be decompressed ({error})") from error
    values = _values(bits).take(np.frombuffer(raw, np.uint8), axis=0)
    return values.reshape(-1)[:count].reshape(shape)


@cache
def _values(bits: int) -> NDArray[np.float32]:
    """The levels that each byte holds, (256, 1 or 2)."""
    byte = np.arange(256)
    levels = np.stack([byte >> 4, byte & 15] if bits == 4 else [byte], axis=1)
    return levels.astype(np.float32) / np.float32(2**bits - 1)


@cache
def _codec() -> Any:
    import pyarrow as pa  # here, for it takes 0.2 s to import

    return pa.Codec("zstd", compression_level=ZSTD_LEVEL)
