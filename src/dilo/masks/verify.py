"""Check every map of a store, and delete what is bad so that it is made again."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dilo.cores import available_cores
from dilo.errors import DiloError, ImageError, StoreError, shortened
from dilo.folder import Names, scan_images, walk
from dilo.image import read_map, read_size
from dilo.masks.codec import stored_shape, unpack
from dilo.masks.index import Index
from dilo.masks.job import PARTIAL
from dilo.masks.lock import LOCK_FILES, locked
from dilo.masks.manifest import LARGEST_PART, MANIFEST, Layout, Manifest
from dilo.masks.parts import Row, digests, part_paths, png_path, read_part
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
        check.read_parts()
        check.read_maps(workers or available_cores())
        check.compare_names(names, manifest.failures)
        for path in check.to_delete if repair else ():
            with suppress(FileNotFoundError):
                path.unlink()
                check.found.deleted += 1
        return check.found


class _Check:
    """One check of a store."""

    def __init__(self, images: Path, folder: Path, layout: Layout) -> None:
        self.images = images
        self.folder = folder
        self.layout = layout
        self.index = Index(folder, layout)
        self.found = StoreCheck(len(self.index))
        self.to_delete: set[Path] = set()

    def read_parts(self) -> None:
        """Compare every part with its checksum."""
        for path in part_paths(self.folder):
            try:
                read_part(path, self.layout, check=True)
            except StoreError as error:
                self.found.bad[path.name] = _brief(error, path)
                self.to_delete.add(path)

    def read_maps(self, workers: int) -> None:
        """Read every map, and the size of its image."""
        count = len(self.index)
        with (
            ThreadPoolExecutor(workers) as pool,
            Progress("verify", count, "maps") as progress,
        ):
            for start in range(0, count, LARGEST_PART):
                numbers = range(start, min(start + LARGEST_PART, count))
                rows = [self.index[number] for number in numbers]
                reasons = pool.map(self._wrong_with, rows)
                for number, row, why in zip(numbers, rows, reasons, strict=True):
                    progress.advance()
                    if why is not None:
                        self.found.bad[row.name] = why
                        self.to_delete.add(self.index.part(number))
                        self.to_delete.add(png_path(self.folder, row.map_name))

    def compare_names(self, names: Names, failures: Mapping[str, str]) -> None:
        """Find images that nothing is known of, and files that nobody knows."""
        accounted = digests([*self.index.names(), *failures])
        there = np.isin(digests(names, len(names)), accounted)
        self.found.missing = [names[place] for place in np.flatnonzero(~there)]
        known = {MANIFEST, *(path.name for path in part_paths(self.folder))}
        for name in walk(self.folder, lambda name: name not in LOCK_FILES):
            is_map = name.endswith(".png")
            if name in known or (is_map and self.index.find_map(name[:-4]) is not None):
                continue
            self.found.stray.append(name)
            if is_map or name.endswith(PARTIAL):
                self.to_delete.add(self.folder / name)

    def _wrong_with(self, row: Row) -> str | None:
        """Say what is wrong with a map, or give None."""
        file = png_path(self.folder, row.map_name)
        try:
            if row.blob is not None:
                small = stored_shape(*row.shape, self.layout.side)
                unpack(row.blob, small, self.layout.bits)
            elif (shape := read_map(file).shape) != row.shape:
                return f"its map is {_size(shape)}, not {_size(row.shape)}"
        except (DiloError, ValueError) as error:
            return _brief(error, file)
        try:
            size = read_size(self.images / row.name)
        except ImageError:
            return None  # the image has gone or is broken: its map is not to blame
        if size != row.shape:
            return f"its image is {_size(size)}, its map of one of {_size(row.shape)}"
        return None


def _brief(error: Exception, file: Path) -> str:
    """Give the reason of an error without the name of the file."""
    return str(error).removeprefix(f"{file}: ").partition(";")[0]


def _size(shape: tuple[int, ...]) -> str:
    height, width = shape
    return f"{width} x {height}"
