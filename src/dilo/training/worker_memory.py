"""The shared memory through which workers hand over batches, and what ends a worker."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dilo.errors import InputError, RunError
from dilo.training.processes import local_count

FOLDER = "/dev/shm"  # where Linux keeps it; elsewhere there is no such limit
# Torch has two batches of each worker made ahead; one is trained on meanwhile, and the
# one after it is copied.
AHEAD, IN_USE = 2, 2

_REMEDY = (
    "give it more (Docker: --shm-size), or take fewer workers or none (--workers 0)"
)


def check_shared_memory(batch_bytes: int, workers: int) -> None:
    """Check that there is room for the batches of the workers; call it before they are.

    Without room a worker fails at any time, or is killed by the system.

    Args:
        batch_bytes: a batch of this process.
        workers: of this process; 0 need no shared memory.

    Raises:
        InputError: there is not enough of it, for all processes of this machine.
    """
    free = _free_bytes()
    needed = (AHEAD * workers + IN_USE) * batch_bytes * local_count()
    if workers and free is not None and needed > free:
        raise InputError(
            f"{FOLDER} has {_megabytes(free)} free, and the batches of {workers} "
            f"workers need {_megabytes(needed)}; {_REMEDY}"
        )


@contextmanager
def workers_explained() -> Iterator[None]:
    """Turn the end of a worker, wherever torch reports it, into one line.

    Raises:
        RunError: a worker has ended.
    """
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:
        text = str(error)
        if "shared memory" in text or "</torch_" in text:
            raise RunError(
                f"no more room in {FOLDER} for the batches of workers; {_REMEDY}; the "
                "same command goes on from the last checkpoint"
            ) from error
        # Or what it had made is still to be fetched from it.
        if text.startswith("DataLoader worker") or not isinstance(error, RuntimeError):
            raise RunError(
                "a worker was killed, by the system where memory has run out; the same "
                "command goes on from the last checkpoint, and needs less memory with "
                "fewer workers (--workers)"
            ) from error
        raise


def _free_bytes() -> int | None:
    try:
        room = os.statvfs(FOLDER)
    except (OSError, AttributeError):  # another system
        return None
    return room.f_bavail * room.f_frsize


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
