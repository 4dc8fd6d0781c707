"""Choose where numba keeps compiled kernels, so that dilo starts anywhere.

Kernels say `@njit(cache=True)`. numba then writes beside the source, or else below the
home; where both are read-only it raises an error, and where there is no home it takes
a folder called `~` in the current one. It also unpickles what it finds, so that a user
who can write into the folder can run code as another.
"""

import os
import stat
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

PACKAGE = Path(__file__).parent
VARIABLE = "NUMBA_CACHE_DIR"


def settle_cache(package: Path = PACKAGE) -> None:
    """Lead numba to a folder that is writable and safe, if its own choice is not.

    In most installations there is nothing to do: `NUMBA_CACHE_DIR` is a folder of the
    user, or the package is. Else `NUMBA_CACHE_DIR` is set, for child processes too;
    and if there is no such folder at all, every process compiles for itself.

    Args:
        package: folder of the package, whose subfolders hold kernels.
    """
    given = os.environ.get(VARIABLE)
    if not given and _is_ours(package):
        return
    candidates = chain([Path(given)] if given else [], _own_folders())
    folder = next(filter(None, map(_prepare, candidates)), None)
    if folder is None:
        _turn_off()
        return
    os.environ[VARIABLE] = str(folder)
    if "numba" in sys.modules:  # it has read the environment already
        sys.modules["numba"].config.CACHE_DIR = str(folder)


def is_private(folder: Path) -> bool:
    """Tell whether we own a folder and no other user can change or replace it.

    Groups are trusted: many systems give each user a group of his own that may write.

    Args:
        folder: a real path; links in it are not looked at.
    """
    if os.name != "posix":
        return os.access(folder, os.W_OK)
    # Not simply 0: in a container the system may belong to a user without a number.
    trusted = {os.geteuid(), os.stat("/").st_uid}
    for parent in folder.parents:
        status = parent.stat()
        # In a sticky folder, such as /tmp, nobody can replace what others own.
        open_to_all = status.st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH
        if open_to_all or status.st_uid not in trusted:
            return False
    status = folder.stat()
    mine = status.st_uid == os.geteuid() and not status.st_mode & stat.S_IWOTH
    return mine and os.access(folder, os.W_OK | os.X_OK)


def _is_ours(package: Path) -> bool:
    """Tell whether kernels can be kept beside their source.

    Above the package nothing is checked: who can change that can change the source.
    """
    parts = [path for path in package.iterdir() if path.is_dir()]
    folders = {*parts, *(path / "__pycache__" for path in parts)}
    return all(map(_is_writable, filter(Path.exists, folders)))


def _is_writable(folder: Path) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    if os.name != "posix":
        return True
    status = folder.stat()
    # A cache that two users fill may hold files that only one of them can read.
    mine = os.geteuid() in (0, status.st_uid)
    return mine and not status.st_mode & stat.S_IWOTH


def _own_folders() -> Iterator[Path]:
    """Name the folders to try: in the user's cache, then among temporary files."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(cache):  # not so if there is no home
        yield Path(cache, "dilo", "kernels")
    import tempfile  # here, for it is rarely needed and takes long to import

    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:
        return
    if folder != Path.cwd():  # the last resort of tempfile; we would leave a trace
        user = os.geteuid() if os.name == "posix" else "kernels"
        yield folder / f"dilo-{user}"


def _prepare(folder: Path) -> Path | None:
    """Make a folder that only we can enter; return its real path if it is private."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        real = folder.resolve()  # a link might lead elsewhere later
        return real if is_private(real) else None
    except OSError:
        return None


def _turn_off() -> None:
    """Let `cache=True` do nothing; numba has no setting for that."""
    from numba.core.registry import CPUDispatcher  # a slow import, in this case only

    CPUDispatcher.enable_caching = _compile_anew  # type: ignore[method-assign]


def _compile_anew(self: object) -> None:
    """Stand in for numba's `Dispatcher.enable_caching`."""
