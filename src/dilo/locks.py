"""A lock on a folder: one job at a time writes into it, on this and other machines."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from dilo.errors import DiloError

LOCK = ".lock"
SOFT_LOCK = ".lock-soft"  # where the file system has no locks
HOLDER = ".lock-holder"  # says who holds the lock
LOCK_FILES = (LOCK, SOFT_LOCK, HOLDER)

# The workers of a killed job hold its lock for the moment that they outlive it.
SECONDS_OF_PATIENCE = 2.0

# What file systems without locks answer; filelock itself knows only ENOSYS.
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}


@contextmanager
def lock_folder(
    folder: Path, kind: type[DiloError], taken: str, patience: float | None = None
) -> Iterator[None]:
    """Keep other jobs from writing into a folder, which is made if missing.

    The system frees the lock of a process that ends, however it ends. On a file system
    without locks the file `.lock-soft` itself is the lock; that of a killed job is
    recognised by the number of its process, on the same machine only.

    Args:
        folder: what is locked.
        kind: of the error.
        taken: what the error says, such as "another job is writing into this store".
        patience: seconds to wait for the lock; by default `SECONDS_OF_PATIENCE`.

    Raises:
        DiloError: of that kind, another job is writing into the folder.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = _acquire(folder, SECONDS_OF_PATIENCE if patience is None else patience)
    except filelock.Timeout as error:
        holder = "unknown"
        with suppress(OSError):
            holder = (folder / HOLDER).read_text(errors="replace")
        raise kind(
            f"{folder}: {taken} ({holder}); wait until it has ended, or stop it"
        ) from error
    try:
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        (folder / HOLDER).write_text(holder)
        yield
    finally:
        (folder / HOLDER).unlink(missing_ok=True)
        (folder / LOCK).unlink(missing_ok=True)
        lock.release()


def _acquire(folder: Path, patience: float) -> filelock.BaseFileLock:
    lock: filelock.BaseFileLock = filelock.FileLock(folder / LOCK, patience)
    try:
        lock.acquire()
    except OSError as error:  # Timeout is one, without a number
        if error.errno not in _NO_LOCKS:
            raise
        lock = filelock.SoftFileLock(folder / SOFT_LOCK, patience)
        lock.acquire()
    return lock
