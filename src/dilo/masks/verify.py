"""Check the maps of a store one by one, and look at them all at a glance."""

import itertools
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dilo.cores import in_threads
from dilo.errors import ImageError, StoreError, shortened
from dilo.folder import scan_images, walk
from dilo.image import Map, read_map, read_size, resize
from dilo.locks import LOCK_FILES
from dilo.masks.index import Index
from dilo.masks.job import PARTIAL, locked
from dilo.masks.manifest import MANIFEST, Layout, Manifest
from dilo.masks.parts import digests, part_paths, png_path, read_part, stem, unpack
from dilo.masks.store import MaskStore
from dilo.progress import Progress

SHOWN = 20  # of each kind
MEAN_SIDE = 256  # pixels
MOST = 10_000  # maps; more would not change what is seen in their mean


@dataclass
class StoreCheck:
    """What is wrong with a store."""

    maps: int  # that were checked
    bad: dict[str, str] = field(default_factory=dict)  # file or image -> what it is
    missing: list[str] = field(default_factory=list)  # images with no map, no failure
    stray: list[str] = field(default_factory=list)  # files that the store does not know
    unrecorded: int = 0  # maps of a job that was stopped; the next one takes them over
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
        if self.unrecorded:
            lines.append(
                f"{self.unrecorded} maps of a job that was stopped are not recorded "
                "yet; `dilo masks` takes them over"
            )
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
        repair: delete the bad files and what is recorded of them, and PNG files of
            no image; the next `compute_masks` makes them anew. Other files are left.
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
        index = Index(folder, manifest.layout, damaged=[])
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
        unrecorded = {f"{stem(name)}.png" for name in check.missing}
        strays = list(_strays(folder, index))
        check.stray = [name for name in strays if name not in unrecorded]
        check.unrecorded = len(strays) - len(check.stray)
        ours = (name for name in check.stray if name.endswith((".png", PARTIAL)))
        to_delete.update(folder / name for name in ours)
        for path in to_delete if repair else ():
            with suppress(FileNotFoundError):
                path.unlink()
                check.deleted += 1
        return check


def _bad_parts(folder: Path, layout: Layout) -> Iterator[tuple[str, str, set[Path]]]:
    """Compare every part with its checksum; yield what is bad, why, and its files."""
    for path in part_paths(folder).values():
        try:
            read_part(path, layout, check=True)
        except StoreError as error:
            yield path.name, _brief(error, path), {path}


def _bad_maps(
    images: Path, folder: Path, layout: Layout, index: Index, workers: int | None
) -> Iterator[tuple[str, str, set[Path]]]:
    """Read every map, and the size of its image; yield as `_bad_parts` does."""

    def check(row: int) -> None:
        name, shape = index.name(row), index.shape(row)
        if layout.format == "arrow":
            unpack(index.blob(row), shape, layout)
        elif (found := read_map(png_path(folder, index.map_name(row))).shape) != shape:
            raise StoreError(f"its map is {_size(found)}, not {_size(shape)}")
        with suppress(ImageError):  # it has gone or is broken: its map is not to blame
            if (size := read_size(images / name)) != shape:
                it, its = _size(size), _size(shape)
                raise StoreError(f"its image is {it}, its map of one of {its}")

    rows = index.rows().tolist()
    with Progress("verify", len(rows), "maps") as progress:
        for row, error in in_threads(check, rows, workers):
            progress.advance()
            if error is not None:
                file = png_path(folder, index.map_name(row))
                yield index.name(row), _brief(error, file), {index.part(row), file}


def _strays(folder: Path, index: Index) -> Iterator[str]:
    """Yield the names of the files that the store does not know."""
    known = {MANIFEST, *(path.name for path in part_paths(folder).values())}
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


def mean_map(store: MaskStore, side: int = MEAN_SIDE) -> Map:
    """Average maps, each stretched to a square: of many, some spread over the names.

    Of photographs it is a soft blob in the middle. A frame, a corner or an even grey
    shows that the method fails.

    Args:
        store: the maps.
        side: of the mean map, pixels.

    Returns:
        float32 (side, side) in [0, 1].

    Raises:
        StoreError: there are no maps, or one is damaged.
    """
    names = store.names()
    if not names:
        raise StoreError(f"{store.folder}: holds no maps")
    chosen = np.unique(np.linspace(0, len(names) - 1, min(MOST, len(names))).round())
    total = np.zeros((side, side))
    with Progress("mean map", len(chosen), "maps") as progress:
        for place in chosen.astype(int):
            total += resize(store.stored(names[place]), side, side)
            progress.advance()
    return (total / len(chosen)).clip(0, 1).astype(np.float32)
