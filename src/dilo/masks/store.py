"""The mask store: one Map for each image of a folder."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dilo.errors import ImageError, InputError, StoreError
from dilo.evenly import evenly
from dilo.foreground import has_foreground
from dilo.image import Map, read_map, read_mask, read_size, resize
from dilo.mask_files import LOOKED_AT, PlainMasks, find_kind
from dilo.masks.index import Index
from dilo.masks.manifest import (
    MANIFEST,
    Format,
    Layout,
    Manifest,
    Origin,
    Supervision,
    check_free,
)
from dilo.masks.parts import png_path, stem, unpack


class MaskStore:
    """A folder of Maps for a folder of images, with a manifest.

    In the format png the map of `a/b.jpg` is the 8-bit file `a/b.png`, of the size of
    the upright image; in the format arrow small maps lie together in `part-*.arrow`.
    `masks.json` says how the maps were made and which images failed, the parts say
    which maps there are, which are empty, and how much they can be trusted.

        store = MaskStore.open("masks")
        if name in store and not store.is_empty(name):
            alpha = store[name]

    Names are those of the images ("a/b.jpg"). The suffix plays no part, so that the
    name of a ground-truth file finds the map too; but of two images that differ in it
    alone each finds its own.

    What reads a map raises a StoreError if the image has none or its file is damaged,
    and an InputError if the name is no relative name.
    """

    def __init__(self, folder: Path, manifest: Manifest | None) -> None:
        self.folder = folder
        self._manifest = manifest  # None: a plain folder of masks

    @cached_property
    def _index(self) -> Index:
        manifest = self._manifest
        return Index(self.folder, None if manifest is None else manifest.layout)

    @cached_property
    def _plain(self) -> PlainMasks | None:
        """How files of other programs are read; None for a store of ours."""
        if self._manifest is not None:
            return None
        some = evenly(sorted(self._index.names()), LOOKED_AT)
        return find_kind(self.folder, map(self.folder.joinpath, some))

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a store to read from it.

        A plain folder of masks without `masks.json`, such as the ground truth of a
        data set, is opened too: every image file in it, of any kind, is the map of
        the image of the same name up to the suffix.

        Raises:
            StoreError: there is no such folder, no mask in it, it is damaged, or it
                cannot be known what the values of its masks mean.
        """
        folder = Path(folder)
        has_manifest = (folder / MANIFEST).is_file()
        store = cls(folder, Manifest.read(folder) if has_manifest else None)
        try:
            len(store)  # complains now about what is damaged, or cannot be understood
            _ = store._plain
            return store
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
        *,
        supervision: Supervision = "none",
        weights: str | None = None,
        layout: Layout | Format = "png",
    ) -> Self:
        """Make a store, or open the one that was begun in the same way.

        Nothing is written before maps are.

        Args:
            folder: a new or empty folder, or a store made in the same way.
            method: name of the saliency method.
            parameters: what the method was called with, ready for JSON.
            supervision: what the method learned from.
            weights: SHA-256 of the weights file, for a network.
            layout: how maps are kept; a format stands for its usual `Layout`.

        Raises:
            InputError: there is no such format.
            StoreError: the folder holds other files or a store made in another way.
        """
        folder = Path(folder)
        origin = Origin(
            method=method,
            parameters=dict(parameters or {}),
            supervision=supervision,
            weights=weights,
        )
        if not isinstance(layout, Layout):
            layout = Layout(format=layout)
        if not (folder / MANIFEST).is_file():
            check_free(folder)
            return cls(folder, Manifest(origin, layout))
        manifest = Manifest.read(folder)
        manifest.check_same(folder, origin, layout)
        return cls(folder, manifest)

    def refresh(self) -> None:
        """Read again what has been written since the store was opened.

        Raises:
            StoreError: it is damaged, or has become another store.
        """
        manifest = self.manifest
        if (self.folder / MANIFEST).is_file():
            self._manifest = Manifest.read(self.folder)
            self._manifest.check_same(self.folder, manifest.origin, manifest.layout)
        self.__dict__.pop("_index", None)

    @property
    def manifest(self) -> Manifest:
        """What `masks.json` says.

        Raises:
            StoreError: this is a plain folder of masks.
        """
        if self._manifest is None:
            raise StoreError(
                f"{self.folder}: a plain folder of masks is only read; "
                f"give a new folder for maps"
            )
        return self._manifest

    @property
    def origin(self) -> Origin | None:
        """How the maps were made; None for a plain folder of masks."""
        return None if self._manifest is None else self._manifest.origin

    @property
    def failures(self) -> Mapping[str, str]:
        """The images without a map, each with the reason."""
        return {} if self._manifest is None else self._manifest.failures

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._look_up(name) is not None

    def names(self) -> list[str]:
        """List the names of the images that have a map, sorted."""
        return sorted(self._index.names())

    def map_names(self) -> dict[str, str]:
        """Give the names of all maps without suffix, each with that of its image.

        Of `a/b.jpg` it is `a/b`, unless another image has that already (docs/masks.md).
        In a plain folder of masks the image goes by the name of the file.
        """
        return self._index.map_names()

    def __getitem__(self, name: str) -> Map:
        """Read the map of an image, at the size of the upright image."""
        row = self._find(name)
        saliency = self._read(row)
        if not self._is_packed or saliency.shape == self._index.shape(row):
            return saliency
        return resize(saliency, *self._index.shape(row)).clip(0, 1)

    def stored(self, name: str) -> Map:
        """Read the map of an image at the size in which it is kept: the fast way."""
        return self._read(self._find(name))

    def foreground(self, name: str) -> Map | None:
        """Read what a loader pastes: the stored map, or None where there is nothing."""
        row = self._look_up(name)
        if row is None or self._index.is_empty(row):
            return None
        saliency = self._read(row)
        # In a plain folder emptiness shows only by reading; and what is left of a
        # foreground at the stored size may be too little.
        return saliency if has_foreground(saliency) else None

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Read a ground-truth mask, (H, W): foreground is brighter than 128 of 255."""
        if self._is_packed:
            return self[name] > np.float32(128 / 255)
        file = self._file(self._find(name))
        try:
            if self._plain is None:
                return read_mask(file)
            return self._plain.read(file) > np.float32(128 / 255)
        except ImageError as error:
            raise StoreError(f"{error}; put a whole file in its place") from error

    def is_empty(self, name: str) -> bool:
        """Say whether the map has no foreground, so that it must not be pasted."""
        if self._manifest is None:
            return not has_foreground(self[name])
        return self._index.is_empty(self._find(name))

    def confidence(self, name: str) -> float:
        """Say how much a map can be trusted, in [0, 1]; NaN where nobody said."""
        return self._index.confidence(self._find(name))

    @property
    def square(self) -> bool:
        """Whether all masks of a plain folder are squares of one size."""
        return self._plain is not None and self._plain.square

    def shape(self, name: str) -> tuple[int, int]:
        """Give height and width of a map, or of the image from which it was made.

        Raises:
            ImageError: the file of a plain folder cannot be read.
        """
        row = self._find(name)
        if self._plain is not None:
            return read_size(self._file(row))
        return self._index.shape(row)

    def path(self, name: str) -> Path:
        """Say in which file the map of an image is, or would be.

        Of maps that are packed together it is the folder.
        """
        row = self._index.find(name)
        if self._is_packed:
            return self.folder
        return png_path(self.folder, stem(name)) if row is None else self._file(row)

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process maps the parts itself.
        state = {"_plain": self._plain}
        return type(self), (self.folder, self._manifest), state

    @property
    def _is_packed(self) -> bool:
        return self._manifest is not None and self._manifest.layout.format == "arrow"

    def _read(self, row: int) -> Map:
        try:
            if self._plain is not None:
                return self._plain.read(self._file(row))
            if not self._is_packed:
                return read_map(self._file(row))
            index, layout = self._index, self.manifest.layout
            return unpack(index.blob(row), index.shape(row), layout)
        except (ImageError, StoreError) as error:
            remedy = (
                "delete it and run `dilo masks` again"
                if self._plain is None
                else "put a whole file in its place"
            )
            raise StoreError(f"{error}; {remedy}") from error

    def _file(self, row: int) -> Path:
        if self._manifest is None:
            return self.folder / self._index.name(row)
        return png_path(self.folder, self._index.map_name(row))

    def _look_up(self, name: str) -> int | None:
        # An image that failed has not the map of a namesake.
        return None if name in self.failures else self._index.find(name)

    def _find(self, name: str) -> int:
        row = self._look_up(name)
        if row is not None:
            return row
        if name in self.failures:
            raise StoreError(f"{name}: has no map: {self.failures[name]}")
        raise StoreError(
            f"{self.folder}: no map of {name!r}; run `dilo masks` on its folder"
        )
