"""Keep freed memory at hand: fresh pages cost more time than many a kernel.

The system clears a page before it hands it out. By default glibc gives arrays above
128 KB back at once, so that an image and its views are cleared anew each time: a tenth
to an eighth of the time of an item of the loader.
"""

import ctypes
import functools

# Of glibc's malloc.h; the first is the most that it takes.
_MMAP_THRESHOLD, _LARGEST_KEPT = -3, 32 << 20
_TRIM_THRESHOLD, _MOST_KEPT = -1, 256 << 20


@functools.cache
def keep_memory() -> bool:
    """Let this process keep freed arrays below 32 MB for the next ones, 256 MB at most.

    Children that are forked later do so too.

    Returns:
        Whether the C library could be told; only glibc can.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = (_MMAP_THRESHOLD, _LARGEST_KEPT), (_TRIM_THRESHOLD, _MOST_KEPT)
    return all([mallopt(name, value) for name, value in settings])
