"""What is left to do in a store, cut into parts that a killed job would cut again."""

import itertools
import posixpath
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.folder import IMAGE_SUFFIXES, Names, walk
from dilo.masks.index import Index
from dilo.masks.manifest import LARGEST_PART
from dilo.masks.naming import digest, digests, stem
from dilo.masks.work import Part, PartImage

PARTIAL = ".partial"  # the suffix of what `files.py` has not finished


@dataclass
class Remaining:
    """The images of a job that need a map, and in which parts they are done.

    New images go, in their order, into parts of a fixed size with the lowest numbers
    that are free. So a part that is missing because the job was killed, or because it
    was damaged and deleted, comes about again with the same number and the same images.
    Images that were tried before are tried again after all others, in further parts:
    they never shift the first.
    """

    names: Names
    new: NDArray[np.int64]  # places in `names`
    late: NDArray[np.int64]
    map_names: Mapping[str, str]  # of images whose map is not named by their stem
    shared: Set[str]  # images without a map that share their stem with others
    numbers: Set[int]  # of the parts that are there
    refused: dict[str, str]  # name -> why it can have no map
    part_size: int = LARGEST_PART  # images in a new part

    def __len__(self) -> int:
        return len(self.new) + len(self.late)

    def parts(self) -> Iterator[Part]:
        """Yield the parts; the names of each only when its turn has come."""
        free = (number for number in itertools.count() if number not in self.numbers)
        last = max(self.numbers, default=-1)
        for images in self._slices(self.new, keep=True):
            last = max(last, number := next(free))
            yield Part(number, images)
        for number, images in enumerate(self._slices(self.late), last + 1):
            yield Part(number, images, late=True)

    def _slices(
        self, places: NDArray[np.int64], *, keep: bool = False
    ) -> Iterator[tuple[PartImage, ...]]:
        for start in range(0, len(places), self.part_size):
            chosen = places[start : start + self.part_size]
            yield tuple(self._image(self.names[int(at)], keep=keep) for at in chosen)

    def _image(self, name: str, *, keep: bool) -> PartImage:
        map_name = self.map_names.get(name) or stem(name)
        # A PNG file that several images may own might be that of another.
        suffix = posixpath.splitext(map_name)[1].lower()
        certain = name not in self.shared and suffix not in IMAGE_SUFFIXES
        return PartImage(name, map_name, keep and certain)


def find_remaining(
    names: Names,
    index: Index,
    failures: Mapping[str, str],
    files: NDArray[np.uint64] | None = None,
) -> Remaining:
    """Find what is left to do.

    Args:
        names: all images, sorted.
        index: the maps that are there.
        failures: the images known to have failed.
        files: `present_files` of a store of the format png.
    """
    exact = digests(names, len(names))
    stems, refused = _stem_digests(names)
    owners = digests(index.names(), len(index))
    keys = index.map_keys()
    whole = np.ones(len(index), bool) if files is None else np.isin(keys, files)
    # Maps whose image is there keep their names; others are overwritten.
    kept = whole & np.isin(owners, exact)
    held = np.isin(exact, owners[kept])
    taken = np.isin(stems, keys[kept])
    tried = {*failures, *(name for part in index.parts for name in part.failures)}
    late = np.isin(exact, digests(tried)) | np.isin(exact, owners[~kept])
    late |= np.isin(stems, keys[~kept])
    left = ~held & ~np.isin(exact, digests(refused))
    shared, map_names = _find_clashes(names, stems, ~held, taken, keys[whole])
    return Remaining(
        names=names,
        new=np.flatnonzero(left & ~late),
        late=np.flatnonzero(left & late),
        map_names=map_names,
        shared=shared,
        numbers={part.number for part in index.parts},
        refused=refused,
    )


def clean_up(folder: Path) -> None:
    """Delete the unfinished files of a killed job.

    Raises:
        OSError: the folder cannot be written.
    """
    for name in walk(folder, lambda name: name[0] == "." and name.endswith(PARTIAL)):
        (folder / name).unlink(missing_ok=True)


def present_files(folder: Path) -> NDArray[np.uint64]:
    """Give the digests of the names of the maps of all PNG files of a store, (N,)."""
    files = walk(folder, lambda name: name.endswith(".png"))
    return digests(name.removesuffix(".png") for name in files)


def _stem_digests(names: Names) -> tuple[NDArray[np.uint64], dict[str, str]]:
    """Give the digests of the stems, (N,), and the names that have none."""
    refused: dict[str, str] = {}

    def one(name: str) -> int:
        try:
            return digest(stem(name))
        except InputError as error:
            refused[name] = str(error)
            return digest(name)

    return np.fromiter(map(one, names), np.uint64, len(names)), refused


def _find_clashes(
    names: Names,
    stems: NDArray[np.uint64],
    missing: NDArray[np.bool_],
    taken: NDArray[np.bool_],
    keys: NDArray[np.uint64],
) -> tuple[set[str], dict[str, str]]:
    """Find which of the images that have no map share their stem with others.

    Of images with one stem the first by name gets it, unless another has it already.
    The others keep their whole name, and more if that is the stem of a further image.

    Args:
        names: all images, sorted.
        stems: digests of their stems, (N,).
        missing: which have no map, (N,).
        taken: of which another has the map of their stem, (N,).
        keys: digests of the names of the maps that are there.

    Returns:
        Their names; and of those that do not get the map of their stem, its name.
    """
    places = np.flatnonzero(missing)
    different, counts = np.unique(stems, return_counts=True)
    shared = counts[different.searchsorted(stems[places])] > 1
    _, firsts = np.unique(stems[places], return_index=True)
    later = np.ones(len(places), bool)
    later[firsts] = False
    clashing = places[taken[places] | later]
    used = np.union1d(stems, keys) if len(clashing) else stems
    map_names: dict[str, str] = {}
    for name in map(names.__getitem__, clashing.tolist()):
        map_name = name
        while _is_in(used, digest(map_name)):
            map_name += "~"
        map_names[name] = map_name
    of_groups = map(names.__getitem__, places[shared].tolist())
    return {*of_groups, *map_names}, map_names


def _is_in(numbers: NDArray[np.uint64], number: int) -> bool:
    """Look a number up in sorted ones."""
    at = numbers.searchsorted(np.uint64(number))
    return bool(at < len(numbers) and numbers[at] == number)
