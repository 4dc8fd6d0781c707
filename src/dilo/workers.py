"""What a worker process does first: keep its memory, and end with its parent."""

import ctypes
import functools
import multiprocessing
import multiprocessing.connection
import os
import threading
from multiprocessing.connection import Connection

# Of glibc's malloc.h; the first is the most that it takes.
_MMAP_THRESHOLD, _LARGEST_KEPT = -3, 32 << 20
_TRIM_THRESHOLD, _MOST_KEPT = -1, 256 << 20


@functools.cache
def keep_memory() -> bool:
    """Let this process keep freed arrays below 32 MB for the next ones, 256 MB at most.

    The system clears a page before it hands it out. By default glibc gives arrays above
    128 KB back at once, so that an image and its views are cleared anew each time: a
    tenth of the time of an item of the loader. Children that are forked later keep
    theirs too.

    Returns:
        Whether the C library could be told; only glibc can.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = (_MMAP_THRESHOLD, _LARGEST_KEPT), (_TRIM_THRESHOLD, _MOST_KEPT)
    return all([mallopt(name, value) for name, value in settings])


def end_with_parent(*others: Connection) -> None:
    """Watch the parent from a thread; call it first thing in a worker process.

    What comes through one of the other connections ends the process too.

    A parent that was killed cannot stop its workers; left alone they would go on and
    write beside those of the next call.
    """
    threading.Thread(target=_wait_and_exit, args=others, daemon=True).start()


def _wait_and_exit(*others: Connection) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel, *others])
        os._exit(1)
