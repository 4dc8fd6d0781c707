"""Small maps of few levels, compressed: a kilobyte each, unpacked in microseconds."""

from functools import cache
from typing import Any

import numpy as np

from dilo.errors import StoreError
from dilo.image import Map, check_map, resize
from dilo.masks.manifest import Layout

# Takes 0.25 ms a map; level 9 makes it 3 % larger in 0.15 ms, 15 3 % smaller in 0.9 ms.
ZSTD_LEVEL = 12


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
    height, width = shape
    rows = height if bits == 8 else (height + 1) // 2  # of bytes
    try:
        raw = _codec().decompress(blob, rows * width)
        packed = np.frombuffer(raw, np.uint8).reshape(rows, width)
    except (ValueError, OSError) as error:
        raise StoreError(f"cannot be decompressed ({error})") from error
    levels = packed
    if bits == 4:
        levels = np.empty((2 * rows, width), np.uint8)
        np.right_shift(packed, 4, out=levels[0::2])
        np.bitwise_and(packed, 15, out=levels[1::2])
    saliency: Map = np.divide(levels[:height], 2**bits - 1, dtype=np.float32)
    return saliency


@cache
def _codec() -> Any:
    import pyarrow as pa  # here, for it takes 0.2 s to import

    return pa.Codec("zstd", compression_level=ZSTD_LEVEL)
