"""Choose where numba keeps compiled kernels, so that dilo starts anywhere.

Kernels say `@njit(cache=True)`. numba then writes beside the source, or else below the
home; where both are read-only it raises an error, and where there is no home it takes
a folder called `~` in the current one. It also unpickles what it finds, so that a user
who can write into the folder can run code as another.
"""

import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from dilo.files import write_atomic

PACKAGE = Path(__file__).parent
VARIABLE = "NUMBA_CACHE_DIR"
KERNEL_FOLDERS = ("saliency", "augment", "masks")


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
        drop_stale(package, None)
        return
    candidates = chain([Path(given)] if given else [], _own_folders())
    folder = next(filter(None, map(_prepare, candidates)), None)
    if folder is None:
        _turn_off()
        return
    os.environ[VARIABLE] = str(folder)
    if "numba" in sys.modules:  # it has read the environment already
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    drop_stale(package, folder)


def drop_stale(package: Path, cache: Path | None) -> None:
    """Forget kernels whose callees have changed since they were compiled.

    A compiled kernel holds the kernels that it calls, but numba only notices when its
    own file has changed: neither a release nor a developer's edit would reach it.

    Args:
        package: folder of the package.
        cache: as in `NUMBA_CACHE_DIR`; None if kernels are kept beside their source.
    """
    for name in KERNEL_FOLDERS:
        sources = package / name
        if cache is None:
            kept = sources / "__pycache__"
        else:  # the rule of numba
            path = os.path.abspath(sources)
            kept = cache / f"{name}_{hashlib.sha1(path.encode()).hexdigest()}"
        with suppress(OSError):  # a full disk: then numba complains, if it compiles
            for module, stamp in source_stamps(sources).items():
                _drop_unless(stamp, kept, module)


def source_stamps(folder: Path) -> dict[str, str]:
    """Sum up each module of a folder together with those it imports from there.

    Returns:
        Module -> digest, for the modules that hold kernels.
    """
    sources = {path.stem: path.read_bytes() for path in folder.glob("*.py")}
    pattern = rf"^from dilo\.{folder.name}\.(\w+) import".encode()
    imports = {
        name: {word.decode() for word in re.findall(pattern, text, re.MULTILINE)}
        for name, text in sources.items()
    }
    stamps = {}
    for name in (name for name, text in sources.items() if b"@njit" in text):
        reached, news = {name}, {name}
        while news := {to for one in news for to in imports.get(one, ())} - reached:
            reached |= news
        content = b"".join(sources.get(one, b"") for one in sorted(reached))
        stamps[name] = hashlib.sha256(content).hexdigest()
    return stamps


def _drop_unless(stamp: str, kept: Path, module: str) -> None:
    """Delete what is kept of the kernels of a module if it has another stamp."""
    path = kept / f"{module}.stamp"
    if path.is_file() and path.read_text() == stamp:
        return
    for index in kept.glob(f"{module}.*.nbi"):
        index.unlink(missing_ok=True)
    write_atomic(path, stamp.encode())


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
