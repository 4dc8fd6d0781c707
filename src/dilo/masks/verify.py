"""Check every map of a store, and delete what is bad so that it is made again."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dilo.cores import check_workers
from dilo.errors import DiloError, ImageError, StoreError, shortened
from dilo.folder import scan_images, walk
from dilo.image import read_map, read_size
from dilo.masks.codec import unpack
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
        index = Index(folder, manifest.layout)
        check, to_delete = StoreCheck(len(index)), set[Path]()
        for name, why, files in itertools.chain(
            _bad_parts(folder, manifest.layout),
            _bad_maps(Path(images), folder, manifest.layout, index, workers),
        ):
            check.bad[name] = why
            to_delete |= files
        known = digests([*index.names(), *manifest.failures])
        there = np.isin(digests(names, len(names)), known)
        check.missing = [names[place] for place in np.flatnonzero(~there)]
        check.stray = list(_strays(folder, index))
        ours = (name for name in check.stray if name.endswith((".png", PARTIAL)))
        to_delete.update(folder / name for name in ours)
        for path in to_delete if repair else ():
            with suppress(FileNotFoundError):
                path.unlink()
                check.deleted += 1
        return check


def _bad_parts(folder: Path, layout: Layout) -> Iterator[tuple[str, str, set[Path]]]:
    """Compare every part with its checksum; yield what is bad, why, and its files."""
    for path in part_paths(folder):
        try:
            read_part(path, layout, check=True)
        except StoreError as error:
            yield path.name, _brief(error, path), {path}


def _bad_maps(
    images: Path, folder: Path, layout: Layout, index: Index, workers: int | None
) -> Iterator[tuple[str, str, set[Path]]]:
    """Read every map, and the size of its image; yield as `_bad_parts` does."""

    def wrong(row: Row) -> str | None:
        file = png_path(folder, row.map_name)
        try:
            if row.blob is not None:
                unpack(row.blob, row.shape, layout)
            elif (shape := read_map(file).shape) != row.shape:
                return f"its map is {_size(shape)}, not {_size(row.shape)}"
        except (DiloError, ValueError) as error:
            return _brief(error, file)
        try:
            size = read_size(images / row.name)
        except ImageError:
            return None  # the image has gone or is broken: its map is not to blame
        if size != row.shape:
            return f"its image is {_size(size)}, its map of one of {_size(row.shape)}"
        return None

    with (
        ThreadPoolExecutor(check_workers(workers)) as pool,
        Progress("verify", len(index), "maps") as progress,
    ):
        held = index.rows()
        for start in range(0, len(held), LARGEST_PART):
            numbers = held[start : start + LARGEST_PART].tolist()
            rows = [index[number] for number in numbers]
            for number, row, why in zip(
                numbers, rows, pool.map(wrong, rows), strict=True
            ):
                progress.advance()
                if why is not None:
                    files = {index.part(number), png_path(folder, row.map_name)}
                    yield row.name, why, files


def _strays(folder: Path, index: Index) -> Iterator[str]:
    """Yield the names of the files that the store does not know."""
    known = {MANIFEST, *(path.name for path in part_paths(folder))}
    for name in walk(folder, lambda name: name not in LOCK_FILES):
        is_map = name.endswith(".png") and index.find_map(name[:-4]) is not None
        if name not in known and not is_map:
            yield name


def _brief(error: Exception, file: Path) -> str:
    """Give the reason of an error without the name of the file."""
    return str(error).removeprefix(f"{file}: ").partition(";")[0]


def _size(shape: tuple[int, ...]) -> str:
    height, width = shape
    return f"{width} x {height}"
