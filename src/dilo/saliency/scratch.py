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


_kept = threading.local()  # each thread has its own: they work side by side


def scratch(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Give an array of any content, the same memory at each call of one thread.

    `name` says which of the kept arrays; its last content is lost.
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    if size > _LARGEST:
        return np.empty(shape, kind)
    kept: NDArray[np.uint8] | None = getattr(_kept, name, None)
    if kept is None or kept.size < size:
        memory = np.empty(size + _LINE, np.uint8)
        start = -memory.ctypes.data % _LINE  # where a line of the cache does
        kept = memory[start : start + size]
        setattr(_kept, name, kept)
    return kept[:size].view(kind).reshape(shape)
