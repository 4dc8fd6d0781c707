"""Find the files that a table lists, however their paths are written."""

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

from dilo.data.table import Row
from dilo.errors import InputError


def find_files(
    table: Path, rows: Sequence[Row], chosen: Sequence[Row] | None = None
) -> tuple[Path, list[str]]:
    """Give the folder of the files, and the name of each in it with forward slashes.

    Relative paths start at the folder of the table, or all of them at images/ beside
    it, and names do as well. Where that folder does not hold all files, or all paths
    are absolute, names start at the deepest folder that does. Paths are read alike
    with slashes or backslashes, with or without `./` and `../`, through links, and in
    composed and decomposed Unicode.

    Args:
        table: the file that lists them.
        rows: all of its rows; they decide about the folder.
        chosen: of these the files are looked up; by default all.

    Raises:
        InputError: one of the files is not there, or comes twice.
    """
    chosen = rows if chosen is None else chosen
    disk = _Disk()
    start = _start(table, chosen, disk)
    paths = {row.line: start.locate(row) for row in rows}
    root = start.path
    if not all(map(start.holds, paths.values())):
        folder = os.path.commonpath(map(os.path.dirname, paths.values()))
        root = Path(disk.find(folder) or folder)
    lines: dict[str, int] = {}  # of each path, in the order of the rows
    for row in chosen:
        wanted = paths[row.line]
        path = disk.find(wanted)
        if path is None or not os.path.isfile(path):
            raise InputError(
                f"{table}, line {row.line}: there is no {row.file}, which would be "
                f"{wanted}; give paths from the folder of the table, or all from "
                "images/ beside it, or absolute ones"
            )
        if path in lines:
            raise InputError(
                f"{table}, line {row.line}: {row.file} stands in line {lines[path]} "
                "already; list every image once"
            )
        lines[path] = row.line
    cut = len(os.path.join(os.path.abspath(root), ""))
    return root, [path[cut:].replace(os.sep, "/") for path in lines]


def _start(table: Path, rows: Sequence[Row], disk: "_Disk") -> "_Start":
    """Find where relative paths start: the folder of the table, or images/ in it."""
    outer, inner = _Start(table.parent), _Start(table.parent / "images")
    first = next((row for row in rows if not os.path.isabs(_clean(row.file))), None)
    # Absolute paths get the names that relative ones have in images/.
    if first is None or (
        disk.find(outer.locate(first)) is None and disk.find(inner.locate(first))
    ):
        return inner
    return outer


class _Start:
    """A folder at which relative paths start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._top, self._real = os.path.abspath(path), os.path.realpath(path)
        self._real_folder = functools.cache(os.path.realpath)

    def locate(self, row: Row) -> str:
        """Give the path of a file; below this folder also where a link leads to it."""
        path = os.path.normpath(os.path.join(self._top, _clean(row.file)))
        if not self.holds(path):
            folder, name = os.path.split(path)
            real = os.path.join(self._real_folder(folder), name)
            if real.startswith(os.path.join(self._real, "")):
                return self._top + real[len(self._real) :]
        return path

    def holds(self, path: str) -> bool:
        """Whether a path that `locate` gave is below this folder."""
        return path.startswith(os.path.join(self._top, ""))


def _clean(file: str) -> str:
    return os.path.normpath(file.replace("\\", "/"))


class _Disk:
    """The files on the disk; each folder is listed once, if it is asked for at all."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, str]] = {}  # folder -> composed -> as it is

    def find(self, path: str) -> str | None:
        """Give a path as the disk spells it; None: there is nothing.

        The same letter may be one character or two (é, or e and an accent).
        """
        if os.path.exists(path):
            return path
        above, name = os.path.split(path)
        folder = self.find(above) if name else None
        if folder is None or not os.path.isdir(folder):
            return None
        if folder not in self._names:
            names = os.listdir(folder)
            self._names[folder] = {normalize("NFC", each): each for each in names}
        found = self._names[folder].get(normalize("NFC", name))
        return None if found is None else os.path.join(folder, found)
