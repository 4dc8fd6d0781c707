"""Small maps of few levels, compressed: a kilobyte each, unpacked in microseconds."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dilo.errors import StoreError
from dilo.image import Map, check_map, resize
from dilo.kernel_cache import njit
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
