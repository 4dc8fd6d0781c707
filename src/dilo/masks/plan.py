"""What is left to do in a store, cut into parts that a killed job would cut again."""

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dilo.errors import InputError
from dilo.folder import Names, walk
from dilo.masks.index import Index
from dilo.masks.naming import digest, digests, stem
from dilo.masks.parts import PartFile
from dilo.masks.work import Part

PARTIAL = ".partial"  # the suffix of what `files.py` has not finished


@dataclass
class Plan:
    """The images of a job: what each needs, and in which part it is done.

    New images go, in their order, into parts of a fixed size with the lowest numbers
    that are free. So a part that is missing because the job was killed, or because it
    was damaged and deleted, comes about again with the same number and the same images.
    Images that were tried before are tried again after all others, in further parts:
    they never shift the first.
    """

    names: Names
    part_size: int
    numbers: Set[int]  # of the parts that are there
    new: NDArray[np.int64]  # places in `names`
    late: NDArray[np.int64]
    again: Sequence[PartFile]  # parts of which PNG files are missing
    refused: dict[str, str] = field(default_factory=dict)  # name -> reason

    @property
    def todo(self) -> int:
        """Count the images of all parts, with those that are only looked at."""
        again = sum(len(part) + len(part.failures) for part in self.again)
        return len(self.new) + len(self.late) + again

    def parts(self) -> Iterator[Part]:
        """Yield the parts; the names of each only when its turn has come."""
        for part in self.again:
            images = sorted({*part.names(), *part.failures})
            yield Part(part.number, tuple(images), take=True)
        free = (number for number in itertools.count() if number not in self.numbers)
        last = max(self.numbers, default=-1)
        for names in self._slices(self.new):
            last = max(last, number := next(free))
            yield Part(number, names, take=True)
        for number, names in enumerate(self._slices(self.late), last + 1):
            yield Part(number, names, late=True)

    def _slices(self, places: NDArray[np.int64]) -> Iterator[tuple[str, ...]]:
        for start in range(0, len(places), self.part_size):
            chosen = places[start : start + self.part_size]
            yield tuple(self.names[int(place)] for place in chosen)


def make_plan(
    names: Names,
    index: Index,
    failures: Mapping[str, str],
    part_size: int,
    files: NDArray[np.uint64] | None = None,
) -> Plan:
    """Find what is left to do.

    Args:
        names: all images, sorted.
        index: the maps that are there.
        failures: the images known to have failed.
        part_size: images in a new part.
        files: `present_files` of a store of the format png.
    """
    exact = digests(names, len(names))
    stems, refused = _stem_digests(names)
    at = np.minimum(index.keys.searchsorted(stems), max(len(index) - 1, 0))
    owned = index.keys[at] == stems if len(index) else np.zeros(len(names), bool)
    owners = index.in_order_of_keys(digests(index.names(), len(index)))
    held = owned & (owners[at] == exact) if len(index) else owned
    duplicates = _duplicates(names, stems, held)
    refused |= {
        names[place]: f"its map would overwrite that of {names[owner]}"
        for place, owner in duplicates.items()
    }
    numbers: NDArray[np.int64] = np.zeros(0, np.int64)
    if files is not None:
        numbers = np.unique(index.part_numbers()[~np.isin(index.keys, files)])
    again = [part for part in index.parts if part.number in set(numbers.tolist())]
    tried = {*failures, *(name for part in index.parts for name in part.failures)}
    planned = np.isin(exact, digests(name for part in again for name in part.failures))
    tried_before = np.isin(exact, digests(tried)) | owned
    left = ~held & ~planned & ~np.isin(exact, digests(refused))
    return Plan(
        names=names,
        part_size=part_size,
        numbers={part.number for part in index.parts},
        new=np.flatnonzero(left & ~tried_before),
        late=np.flatnonzero(left & tried_before),
        again=again,
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
    """Give the digests of the stems of all PNG files of a store, (N,)."""
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


def _duplicates(
    names: Names, stems: NDArray[np.uint64], held: NDArray[np.bool_]
) -> dict[int, int]:
    """Find places whose map would overwrite that of another, and those others."""
    order = np.argsort(stems, kind="stable")
    same = np.flatnonzero(stems[order][1:] == stems[order][:-1])
    groups: dict[int, list[int]] = {}
    for first, second in zip(order[same], order[same + 1], strict=True):
        group = groups.setdefault(int(stems[first]), [int(first)])
        group.append(int(second))
    duplicates: dict[int, int] = {}
    for group in groups.values():
        # An image that has its map keeps it, even if one that sorts before it came
        # later.
        owner = next((place for place in group if held[place]), group[0])
        duplicates |= {place: owner for place in group if place != owner}
    return duplicates
