"""Write files so that a crash, a kill or a full disk leaves the old one whole."""

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from dilo.errors import DiloError


def write_atomic(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write `content` beside `path`, then rename it over `path`.

    Args:
        path: the file; its folder is made if missing.
        content: all of it.
        durable: wait until the disk has it, which takes milliseconds. Not for the
            many files of a job that finds damaged ones by itself.

    Raises:
        OSError: the disk is full or the folder cannot be written; `path` is then as
            it was, and the partial file is removed. The error names `path`.
    """
    partial = partial_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            if durable:
                sync(file)
        partial.replace(path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError) and error.errno:
            # Of a full disk the system names no file, else the hidden one.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextmanager
def naming_folder(folder: Path, kind: type[DiloError]) -> Iterator[None]:
    """Name the folder that a person gave, whatever in it cannot be written.

    Args:
        folder: where a job writes.
        kind: of the error.

    Raises:
        DiloError: of that kind, instead of an OSError of a file in the folder.
    """
    try:
        yield
    except OSError as error:
        if error.filename and not Path(str(error.filename)).is_relative_to(folder):
            raise  # it names what else is wrong
        raise kind(
            f"{folder}: cannot write: {error.strerror or error}; make room or give "
            "access, then run again to go on"
        ) from error


def sync(file: IO[Any]) -> None:
    """Force a written file onto the disk.

    Call it before the file is renamed over another: else a power loss may keep the
    rename and lose the content.
    """
    file.flush()
    os.fsync(file.fileno())


def write_json_atomic(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_atomic(path, (json.dumps(value, indent=2) + "\n").encode())


def partial_path(path: Path) -> Path:
    """Name the unfinished file beside `path`; hidden, and one for each process."""
    # A name may be as long as the file system allows: the rest of it as a checksum.
    short = f"{path.name[:40]}-{zlib.crc32(os.fsencode(path.name)):08x}"
    return path.with_name(f".{short}.{os.getpid()}.partial")
