"""Check every map of a store, and delete what is bad so that it is made again."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from dilo.cores import available_cores
from dilo.errors import DiloError, ImageError, StoreError, shortened
from dilo.folder import Names, scan_images, walk
from dilo.image import read_map, read_size
from dilo.masks.codec import stored_shape, unpack
from dilo.masks.index import Place, read_sound_parts
from dilo.masks.lock import LOCK_FILES, locked
from dilo.masks.manifest import LARGEST_PART, MANIFEST, Layout, Manifest
from dilo.masks.naming import digests
from dilo.masks.parts import part_paths
from dilo.masks.remaining import PARTIAL
from dilo.masks.work import png_path
from dilo.progress import Progress

SHOWN = 20  # of each kind


@dataclass
class StoreCheck:
    """What is wrong with a store."""

    maps: int  # that were checked
    bad: dict[str, str] = field(default_factory=dict)  # file or image -> what it is
    missing: list[str] = field(default_factory=list)  # images with no map, no failure
    stray: list[str] = field(default_factory=list)  # files that the store does not know
    deleted: int = 0  # files, by a repair

    @property
    def is_sound(self) -> bool:
        """Say whether nothing is wrong."""
        return not (self.bad or self.missing or self.stray)

    def summary(self) -> str:
        """Name what is bad, and say what to do about it."""
        counts = f"{len(self.bad)} bad, {len(self.missing)} missing, "
        counts += f"{len(self.stray)} stray files"
        lines = [
            f"{self.maps} maps checked: " + ("all sound" if self.is_sound else counts)
        ]
        bad = [f"{name}: {why}" for name, why in self.bad.items()]
        kinds = {"bad": bad, "missing": self.missing, "stray": self.stray}
        for kind, names in kinds.items():
            lines += [f"{kind}: {line}" for line in shortened(names, SHOWN)]
        if self.deleted:
            lines.append(
                f"{self.deleted} files deleted; run `dilo masks` again to make the "
                f"maps anew"
            )
        return "\n".join(lines)


def verify_store(
    images: Path, masks: Path, repair: bool = False, workers: int | None = None
) -> StoreCheck:
    """Check that a store holds a sound map of every image, and nothing else.

    Args:
        images: the folder of images.
        masks: the mask store.
        repair: delete the bad files and what is recorded of them, and unknown PNG
            files; the next `compute_masks` makes them anew. Other files are left.
        workers: threads; the usable CPU cores by default.

    Raises:
        InputError: there are no images.
        StoreError: there is no store, its manifest is damaged, or a job writes into it.
    """
    folder = Path(masks)
    if not (folder / MANIFEST).is_file():
        raise StoreError(
            f"{folder}: no {MANIFEST} in it; only mask stores are verified"
        )
    names = scan_images(Path(images))
    with locked(folder) if repair else nullcontext():
        manifest = Manifest.read(folder)
        check = _Check(Path(images), folder, manifest.layout)
        check.read_maps(workers or available_cores())
        check.compare_names(names, manifest.failures)
        for path in check.to_delete if repair else ():
            if path.is_file():
                path.unlink()
                check.found.deleted += 1
        return check.found


class _Check:
    """One check of a store."""

    def __init__(self, images: Path, folder: Path, layout: Layout) -> None:
        self.images = images
        self.folder = folder
        self.layout = layout
        self.index, damaged = read_sound_parts(folder, layout)
        self.found = StoreCheck(len(self.index))
        self.to_delete: set[Path] = set()
        for part in self.index.parts:
            try:
                part.check()
            except StoreError as error:
                damaged[part.path] = _brief(error, part.path)
        for path, why in damaged.items():
            self._note_bad(path.name, why, path)

    def read_maps(self, workers: int) -> None:
        """Read every map, and the size of its image."""
        places = self.index.places()
        with (
            ThreadPoolExecutor(workers) as pool,
            Progress("verify", len(self.index), "maps") as progress,
        ):
            while some := list(islice(places, LARGEST_PART)):
                reasons = pool.map(self._wrong_with, some)
                for (part, row), why in zip(some, reasons, strict=True):
                    if why is not None:
                        self._note_bad(part.name(row), why, part.path)
                        self.to_delete.add(png_path(self.folder, part.map_name(row)))
                    progress.advance()

    def compare_names(self, names: Names, failures: Mapping[str, str]) -> None:
        """Find images that nothing is known of, and files that nobody knows."""
        accounted = digests([*self.index.names(), *failures])
        there = np.isin(digests(names, len(names)), accounted)
        self.found.missing = [names[place] for place in np.flatnonzero(~there)]
        parts = {path.name for path in part_paths(self.folder)}
        for name in walk(self.folder, lambda name: name not in LOCK_FILES):
            if name == MANIFEST or name in parts:
                continue
            if name.endswith(".png") and self.index.find_map(name[:-4]) is not None:
                continue
            self.found.stray.append(name)
            if name.endswith((".png", PARTIAL)):
                self.to_delete.add(self.folder / name)

    def _note_bad(self, name: str, why: str, part: Path) -> None:
        self.found.bad[name] = why
        self.to_delete.add(part)

    def _wrong_with(self, place: Place) -> str | None:
        """Say what is wrong with a map, or give None."""
        part, row = place
        name = part.name(row)
        shape = (int(part.heights[row]), int(part.widths[row]))
        file = png_path(self.folder, part.map_name(row))
        try:
            if self.layout.format == "png":
                found = read_map(file).shape
                if found != shape:
                    return f"its map is {_size(found)}, not {_size(shape)}"
            else:
                small = stored_shape(*shape, self.layout.side)
                unpack(part.blob(row), small, self.layout.bits)
        except (DiloError, ValueError) as error:
            return _brief(error, file)
        try:
            size = read_size(self.images / name)
        except ImageError:
            return None  # the image has gone or is broken: its map is not to blame
        if size != shape:
            return f"its image is {_size(size)}, its map of one of {_size(shape)}"
        return None


def _brief(error: Exception, file: Path) -> str:
    """Give the reason of an error without the name of the file."""
    return str(error).removeprefix(f"{file}: ").partition(";")[0]


def _size(shape: tuple[int, ...]) -> str:
    height, width = shape
    return f"{width} x {height}"
