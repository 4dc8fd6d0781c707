"""Compile kernels, and keep them where this user may write and nobody else can.

`njit` here is numba's, with a cache of its own. That of numba lies beside the source or
raises an error where nobody may write; it does not notice that a called kernel has
changed; and it unpickles what it finds, so that who can write there runs code as us.
"""

import functools
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
import platformdirs

_settings: Any = numba.config
_UNUSED = 90 * 24 * 3600  # seconds after which kernels of other versions are deleted


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile with numba's options; kept until a kernel beside this one changes."""

    def decorate(function: Callable[..., Any]) -> Any:
        folder = _folder(Path(function.__code__.co_filename).parent)
        setting = _settings.CACHE_DIR  # stays as it is for the kernels of others
        try:
            _settings.CACHE_DIR = str(folder or setting)
            return numba.njit(cache=folder is not None, **options)(function)
        finally:
            _settings.CACHE_DIR = setting

    return decorate


def is_private(folder: Path) -> bool:
    """Tell whether we own a folder (a real path) and no other user can replace it.

    Groups are trusted: many systems give each user a group of his own that may write.
    """
    if os.name == "posix":
        us, above = os.geteuid(), [path.stat() for path in folder.parents]
        # Not simply 0: in a container the system may belong to a user without a number.
        trusted = {us, os.stat("/").st_uid}
        # In a sticky folder, such as /tmp, nobody can replace what others own.
        fixed = [each for each in above if not each.st_mode & stat.S_ISVTX]
        if any(each.st_mode & stat.S_IWOTH for each in (folder.stat(), *fixed)):
            return False
        if folder.stat().st_uid != us or any(e.st_uid not in trusted for e in above):
            return False
    return os.access(folder, os.W_OK | os.X_OK)


@functools.cache
def _folder(sources: Path) -> Path | None:
    """Find where the kernels of a folder of modules are kept; None: nowhere."""
    name = f"{sources.name}-kernels-{_digest(sources)}"
    user = getattr(os, "geteuid", str)()
    cache = platformdirs.user_cache_path("dilo", appauthor=False)
    for base in (_settings.CACHE_DIR, cache, f"{tempfile.gettempdir()}/dilo-{user}"):
        with suppress(OSError):
            if not base or not Path(base).is_absolute():  # there is no home
                continue
            Path(base).mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = Path(base).resolve() / name  # a link may lead elsewhere later
            if is_private(folder.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
                os.utime(folder)
                for other in folder.parent.glob("*-kernels-*"):
                    if other.stat().st_mtime < time.time() - _UNUSED:
                        shutil.rmtree(other, ignore_errors=True)
                return folder
    return None


def _digest(sources: Path) -> str:
    """Sum up the modules with kernels, and those of the folder that they import."""
    texts = {path.stem: path.read_text("utf-8") for path in sources.glob("*.py")}
    kernels = [name for name, text in texts.items() if "njit" in text]
    pattern = re.compile(rf"^from dilo\.{sources.name}\.(\w+) import", re.MULTILINE)
    names = {*kernels, *pattern.findall("".join(texts[name] for name in kernels))}
    content = "".join(texts.get(name, "") for name in sorted(names))
    return hashlib.sha256(content.encode()).hexdigest()[:16]
