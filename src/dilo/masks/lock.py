"""One job at a time writes into a store."""

import errno
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dilo.errors import StoreError

if sys.platform != "win32":
    import fcntl

LOCK = ".lock"

# The workers of a killed job hold its lock for the moment that they outlive it.
SECONDS_OF_PATIENCE = 2.0

# What file systems without locks answer; there nothing can be told of other jobs.
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other jobs from writing into a store, on this and other machines.

    The system frees the lock of a process that ends, however it ends.

    Raises:
        StoreError: another job is writing into the store.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    handle = _acquire(folder, path)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(folder: Path, path: Path) -> int:
    deadline = time.monotonic() + SECONDS_OF_PATIENCE
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _try_lock(handle):
            holder = os.read(handle, 200).decode(errors="replace")
            if time.monotonic() > deadline:
                os.close(handle)
                raise StoreError(
                    f"{folder}: another job is writing into this store "
                    f"({holder or 'unknown'}); wait until it has ended, or stop it"
                )
            time.sleep(0.05)
        elif _is_at(handle, path):
            return handle
        os.close(handle)  # else the last holder has removed the file: make a new one


def _try_lock(handle: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
