"""What is left to do in a store, cut into parts that a killed job would cut again."""

import itertools
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dilo.folder import IMAGE_SUFFIXES, Names, walk
from dilo.masks.index import Index
from dilo.masks.manifest import LARGEST_PART
from dilo.masks.parts import digest, digests, part_number, stem
from dilo.masks.work import Part, PartImage


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
            chosen = places[start : start + self.part_size].tolist()
            yield tuple(self._image(self.names[place], keep) for place in chosen)

    def _image(self, name: str, keep: bool) -> PartImage:
        map_name = self.map_names.get(name) or stem(name)
        # A PNG file that several images may own might be that of another.
        suffix = posixpath.splitext(map_name)[1].lower()
        certain = name not in self.shared and suffix not in IMAGE_SUFFIXES
        return PartImage(name, map_name, keep and certain)


def find_remaining(
    names: Names,
    index: Index,
    tried: Iterable[str] = (),
    files: NDArray[np.uint64] | None = None,
) -> Remaining:
    """Find what is left to do.

    Args:
        names: all images, sorted.
        index: the maps that are there.
        tried: the images known to have failed, but for those that the parts name.
        files: `present_files` of a store of the format png.
    """
    exact = digests(names, len(names))
    stems = digests(map(stem, names), len(names))
    owners = digests(index.names(), len(index))
    keys = index.column("key")
    whole = np.ones(len(index), bool) if files is None else np.isin(keys, files)
    # Maps whose image is there keep their names; others are overwritten.
    kept = whole & np.isin(owners, exact)
    missing = ~np.isin(exact, owners[kept])
    late = np.isin(exact, digests([*tried, *index.failures]))
    late |= np.isin(exact, owners[~kept]) | np.isin(stems, keys[~kept])
    taken = np.isin(stems, keys[kept])
    shared, map_names = _find_clashes(names, stems, missing, taken, keys[whole])
    return Remaining(
        names=names,
        new=np.flatnonzero(missing & ~late),
        late=np.flatnonzero(missing & late),
        map_names=map_names,
        shared=shared,
        numbers=set(map(part_number, index.paths)),
    )


def present_files(folder: Path) -> NDArray[np.uint64]:
    """Give the digests of the names of the maps of all PNG files of a store, (N,)."""
    files = walk(folder, lambda name: name.endswith(".png"))
    return digests(name.removesuffix(".png") for name in files)


def _find_clashes(
    names: Names,
    stems: NDArray[np.uint64],
    missing: NDArray[np.bool_],
    taken: NDArray[np.bool_],
    keys: NDArray[np.uint64],
) -> tuple[set[str], dict[str, str]]:
    """Name the images without a map that share their stem, and the maps of the later.

    Of images with one stem the first by name gets it, unless it is taken already. The
    others keep their whole name, and more if that is the stem of a further image.
    """
    places = np.flatnonzero(missing)
    different, counts = np.unique(stems, return_counts=True)
    shared = counts[different.searchsorted(stems[places])] > 1
    _, firsts = np.unique(stems[places], return_index=True)
    clashing = taken[places]
    clashing[np.delete(np.arange(len(places)), firsts)] = True
    used = np.union1d(stems, keys) if clashing.any() else stems
    map_names: dict[str, str] = {}
    for name in map(names.__getitem__, places[clashing].tolist()):
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
