"""The mask store: one Map for each image of a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dilo.config import difference, to_dict
from dilo.errors import ImageError, InputError, StoreError
from dilo.files import write_atomic
from dilo.folder import list_images
from dilo.image import Map, encode_map, read_map, read_mask
from dilo.masks.manifest import MANIFEST, Manifest, Origin, Supervision, stem

# A map that nowhere reaches this would paste a ghost: it holds no foreground.
FOREGROUND = 0.5


class MaskStore:
    """A folder of Maps that mirrors a folder of images, with a manifest.

    The map of `a/b.jpg` is the 8-bit PNG `a/b.png`, of the size of the upright image;
    `masks.json` says how the maps were made, which are empty and which images failed.
    Only images that the manifest lists are in the store.

        store = MaskStore.open("masks")
        if name in store and not store.is_empty(name):
            alpha = store[name]

    Names are those of the images ("a/b.jpg"). The suffix plays no part, so that the
    name of a ground-truth file finds the map too.
    """

    def __init__(self, folder: Path, manifest: Manifest | None) -> None:
        """Use `open` or `create` instead."""
        self.folder = folder
        self._manifest = manifest  # None: a plain folder of masks
        names = list_images(folder) if manifest is None else sorted(manifest.maps)
        # Of files with one stem the .png is the mask: data sets such as MSRA10K keep
        # the photograph beside it as .jpg.
        names.sort(key=lambda name: name.lower().endswith(".png"))
        self._names = {stem(name): name for name in names}

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a store to read from it.

        A plain folder of masks without `masks.json`, such as the ground truth of a
        data set, is opened too: every image file in it, of any kind, is the map of
        the image of the same name up to the suffix.

        Raises:
            StoreError: there is no such folder, no mask in it, or it is damaged.
        """
        folder = Path(folder)
        if (folder / MANIFEST).is_file():
            return cls(folder, Manifest.read(folder))
        try:
            return cls(folder, None)
        except InputError as error:
            raise StoreError(
                f"{error}; make a mask store with `dilo masks IMAGES {folder}`"
            ) from error

    @classmethod
    def create(
        cls,
        folder: str | Path,
        method: str,
        parameters: Mapping[str, Any] | None = None,
        supervision: Supervision = "none",
        weights: str | None = None,
    ) -> Self:
        """Make a store, or open the one that was begun in the same way.

        Nothing is written before the first `save` or `write`.

        Args:
            folder: a new or empty folder, or a store made in the same way.
            method: name of the saliency method.
            parameters: what the method was called with, ready for JSON.
            supervision: what the method learned from.
            weights: SHA-256 of the weights file, for a network.

        Raises:
            StoreError: the folder holds other files or a store made in another way.
        """
        folder = Path(folder)
        origin = Origin(
            method=method,
            parameters=dict(parameters or {}),
            supervision=supervision,
            weights=weights,
        )
        if (folder / MANIFEST).is_file():
            manifest = Manifest.read(folder)
            _check_same(folder, manifest.origin, origin)
            return cls(folder, manifest)
        _check_free(folder)
        return cls(folder, Manifest(origin))

    @property
    def origin(self) -> Origin | None:
        """How the maps were made; None for a plain folder of masks."""
        return None if self._manifest is None else self._manifest.origin

    @property
    def failures(self) -> dict[str, str]:
        """The images without a map, each with the reason."""
        return {} if self._manifest is None else dict(self._manifest.failures)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str) or self._failure(name) is not None:
            return False
        return stem(name) in self._names

    def names(self) -> list[str]:
        """List the names of the images that have a map, sorted."""
        return sorted(self._names.values())

    def __getitem__(self, name: str) -> Map:
        """Read the map of an image.

        Raises:
            StoreError: the image has no map, or the file of the map is damaged.
            InputError: `name` is no relative name.
        """
        try:
            return read_map(self._find(name))
        except ImageError as error:
            raise StoreError(
                f"{error}; delete it and run `dilo masks` again"
            ) from error

    def stored(self, name: str) -> Map:
        """Read the map of an image at the size in which it is stored.

        Raises:
            StoreError: the image has no map, or the file of the map is damaged.
            InputError: `name` is no relative name.
        """
        return self[name]

    def confidence(self, name: str) -> float:
        """Tell how much a map can be trusted, in [0, 1]; NaN where nobody said.

        Raises:
            StoreError: the image has no map.
            InputError: `name` is no relative name.
        """
        self._find(name)
        return float("nan")

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Read a ground-truth mask, (H, W): foreground is brighter than 128 of 255.

        Raises:
            StoreError: there is no such mask, or its file is damaged.
            InputError: `name` is no relative name.
        """
        try:
            return read_mask(self._find(name))
        except ImageError as error:
            raise StoreError(f"{error}; put a whole file in its place") from error

    def is_empty(self, name: str) -> bool:
        """Tell whether the map has no foreground, so that it must not be pasted.

        Raises:
            StoreError: the image has no map.
            InputError: `name` is no relative name.
        """
        if self._manifest is None:
            return not has_foreground(self[name])
        self._find(name)
        return self._names[stem(name)] in self._manifest.empty

    def empty_names(self) -> set[str]:
        """Name the images whose map has no foreground."""
        if self._manifest is None:
            return {name for name in self.names() if self.is_empty(name)}
        return set(self._manifest.empty)

    def path(self, name: str) -> Path:
        """Say where the map of an image is or would be."""
        if self._manifest is None and stem(name) in self._names:
            return self.folder / self._names[stem(name)]
        return self.folder / f"{stem(name)}.png"

    def owner(self, name: str) -> str | None:
        """Name the image whose map is in the file that `path` gives, if there is one.

        It is `name` itself, or one that differs from it in the suffix.
        """
        return self._names.get(stem(name))

    def write(self, name: str, saliency: Map) -> None:
        """Write the file of a map, atomically; `record` then enters it.

        The two are apart so that worker processes write and one process records.

        Raises:
            InputError: `saliency` is no Map, or `name` no relative name.
            OSError: the disk is full or the folder cannot be written.
        """
        write_atomic(self.path(name), encode_map(saliency))

    def record(self, name: str, *, empty: bool) -> None:
        """Enter an image whose map is written; `save` makes it last."""
        manifest = self._writable()
        manifest.failures.pop(name, None)
        former = self.owner(name)  # a.jpg, whose image has given way to a.png
        if former is not None:
            manifest.maps.discard(former)
            manifest.empty.discard(former)
        manifest.maps.add(name)
        (manifest.empty.add if empty else manifest.empty.discard)(name)
        self._names[stem(name)] = name

    def record_failure(self, name: str, reason: str) -> None:
        """Enter an image that has no map, and why; `save` makes it last."""
        manifest = self._writable()
        manifest.failures[name] = reason
        manifest.empty.discard(name)
        if name in manifest.maps:
            manifest.maps.remove(name)
            del self._names[stem(name)]

    def forget_failure(self, name: str) -> None:
        """Take an image off the failures; `save` makes it last."""
        self._writable().failures.pop(name, None)

    def save(self) -> None:
        """Write the manifest, atomically.

        Raises:
            OSError: the disk is full; the previous manifest is then whole.
        """
        self._writable().write(self.folder)

    def _find(self, name: str) -> Path:
        failure = self._failure(name)
        if failure is not None:
            raise StoreError(f"{name}: has no map: {failure}")
        if stem(name) not in self._names:
            raise StoreError(
                f"{self.folder}: no map of {name!r}; run `dilo masks` on its folder"
            )
        return self.path(name)

    def _failure(self, name: str) -> str | None:
        return None if self._manifest is None else self._manifest.failures.get(name)

    def _writable(self) -> Manifest:
        if self._manifest is None:
            raise StoreError(
                f"{self.folder}: a plain folder of masks is only read; "
                f"give a new folder for maps"
            )
        return self._manifest


def has_foreground(saliency: Map) -> bool:
    """Tell whether any pixel of a map is rather foreground than background."""
    return bool(saliency.max() >= FOREGROUND)


def _check_same(folder: Path, old: Origin, new: Origin) -> None:
    changes = difference(to_dict(old), to_dict(new))
    if changes:
        raise StoreError(
            f"{folder}: holds maps made in another way ({'; '.join(changes)}); "
            f"give another folder"
        )


def _check_free(folder: Path) -> None:
    """Refuse to write among files that are not ours: they might be ground truth."""
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder}: is a file; give a folder for the maps")
    if folder.is_dir():
        entries = (path.name for path in folder.iterdir())
        first = next((name for name in entries if not name.startswith(".")), None)
        if first is not None:
            raise StoreError(
                f"{folder}: holds other files ({first}) and is no mask store; "
                f"give a new or empty folder"
            )
