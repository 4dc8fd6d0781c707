"""Tell what decoders write to standard error by the name of the file.

libjpeg and libtiff write lines such as "Corrupt JPEG data: 9 extraneous bytes", without
a name and past Python. While an image is decoded, standard error is a file in memory;
what comes of others meanwhile is passed on. Only commands turn this on, not the import
of the library.
"""

import logging
import os
import re
import tempfile
import threading

_STANDARD_ERROR = 2
_NOISE = re.compile(rb"jpeg|JPEG|libpng|TIFF|tiff|\[ ?WARN|imgcodecs", re.ASCII)

_log = logging.getLogger("dilo")
_lock = threading.Lock()
_caught: int | None = None  # the file in memory; None: this is not turned on
_real = _depth = 0  # the true standard error; threads that are decoding


def catch() -> None:
    """Turn it on, for this process and those that are forked later."""
    global _real
    if _caught is None:
        _real = os.dup(_STANDARD_ERROR)
        _make_file()
        os.register_at_fork(after_in_child=_make_file)  # the file is not for sharing


def _make_file() -> None:
    global _caught
    with tempfile.TemporaryFile() as file:
        _caught = os.dup(file.fileno())


class NamedNoise:
    """Context that logs what decoders write within as a line about a file."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        global _depth
        if _caught is not None:
            with _lock:
                _depth += 1
                if _depth == 1:
                    os.dup2(_caught, _STANDARD_ERROR)

    def __exit__(self, *_: object) -> None:
        global _depth
        if _caught is None:
            return
        with _lock:
            _depth -= 1
            if _depth == 0:
                os.dup2(_real, _STANDARD_ERROR)
            written = os.lseek(_caught, 0, os.SEEK_CUR)
            lines = _take(_caught, written) if written else []
        for line in lines[:1]:
            _log.warning("%s: odd but used as far as it goes (%s)", self.name, line)


def _take(caught: int, size: int) -> list[str]:
    """Give the lines of decoders that were written; pass on those of others."""
    lines = os.pread(caught, size, 0).splitlines(keepends=True)
    os.lseek(caught, 0, os.SEEK_SET)
    noise = [line for line in lines if _NOISE.search(line)]
    if others := b"".join(line for line in lines if line not in noise):
        os.write(_real, others)
    return [line.decode(errors="replace").strip() for line in noise]
