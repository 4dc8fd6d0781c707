"""End a worker process when the process that started it has ended, however it ended."""

import multiprocessing
import multiprocessing.connection
import os
import threading
from multiprocessing.connection import Connection


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
