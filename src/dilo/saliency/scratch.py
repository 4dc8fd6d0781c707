"""Large arrays that are kept between calls.

The system takes back several freed megabytes at once; getting them anew, page by page,
costs a third of the time of all that is computed in them.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LARGEST = 64 * 2**20  # bytes of one array; larger ones are not kept
_LINE = 64  # bytes that the cache moves at once, and the longest vector


class _Kept(threading.local):
    """Every thread has its own, so that threads can work side by side."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}


_kept = _Kept()


def scratch(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Give an array of any content, the same memory at each call of one thread.

    Args:
        name: which of the kept arrays; its last content is lost.
        shape: of the array.
        dtype: of the array.
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    if size > _LARGEST:
        return np.empty(shape, kind)
    kept = _kept.arrays.get(name)
    if kept is None or kept.size < size:
        kept = _kept.arrays[name] = _aligned(size)
    return kept[:size].view(kind).reshape(shape)


def _aligned(size: int) -> NDArray[np.uint8]:
    """Bytes that start where a line of the cache does."""
    memory = np.empty(size + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    return memory[start : start + size]
