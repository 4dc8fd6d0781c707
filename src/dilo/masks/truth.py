"""Compare mask stores with ground truth, by any measure of a map and its mask."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dilo.errors import DiloError, InputError, StoreError, shortened
from dilo.image import Map, resize
from dilo.masks.compute import check_workers
from dilo.masks.store import MaskStore
from dilo.progress import Progress

NAMES_SHOWN = 5

ValueT = TypeVar("ValueT")
Measure = Callable[[Map, NDArray[np.bool_]], ValueT]


@dataclass
class Comparison(Generic[ValueT]):
    """What was measured: the same images in every store, in one order."""

    names: list[str] = field(default_factory=list)  # of the truth
    values: list[list[ValueT]] = field(default_factory=list)  # for each store
    left_out: dict[str, list[str]] = field(default_factory=dict)  # what -> names
    failures: dict[str, str] = field(default_factory=dict)  # name -> reason
    resized: dict[str, list[str]] = field(default_factory=dict)  # store -> names

    def summary(self) -> str:
        """Say what was left out or scaled; empty if nothing was."""
        lines = [
            f"Not compared: {len(names)} {what}: {_listed(names)}"
            for what, names in self.left_out.items()
        ]
        if self.failures:
            lines.append(f"Not compared: {len(self.failures)} that cannot be read:")
            reasons = [f"{name}: {why}" for name, why in self.failures.items()]
            lines += [f"  {line}" for line in shortened(reasons, NAMES_SHOWN)]
        lines += [
            f"Scaled to the size of their truth: {len(names)} maps of {folder}: "
            f"{_listed(names)}"
            for folder, names in self.resized.items()
        ]
        return "\n".join(lines)


def compare_with_truth(
    stores: Sequence[MaskStore],
    truth: MaskStore,
    measure: Measure[ValueT],
    workers: int | None = None,
) -> Comparison[ValueT]:
    """Measure the map of every image against its mask, in each of the stores.

    Names belong together when they agree up to the suffix. Only images that the truth
    and all stores have are measured, so that the stores are compared on equal terms;
    the others are named. A map of another size than its mask is scaled to it.

    Args:
        stores: the maps.
        truth: the masks.
        measure: from a map and a mask of one size to a value; called in threads.
        workers: threads; one for each CPU core by default.

    Raises:
        InputError: there are no stores, or `workers` < 1.
        StoreError: not one image could be measured in all stores.
        Exception: what `measure` raises, but for a DiloError, which is a failure of
            the image.
    """
    if not stores:
        raise InputError("there are no stores to compare with the truth")
    pool = ThreadPoolExecutor(check_workers(workers))
    pairs, left_out = _match(stores, truth)
    names = list(pairs)
    comparison: Comparison[ValueT] = Comparison(left_out=left_out)
    rows: list[list[ValueT]] = []

    def measured(name: str) -> tuple[list[ValueT], list[str]] | DiloError:
        try:
            return _measure(stores, pairs[name], truth.mask(name), measure)
        except DiloError as error:
            return error

    try:
        with Progress("score", len(names), "images") as progress:
            for name, row in zip(names, pool.map(measured, names), strict=True):
                progress.advance()
                if isinstance(row, DiloError):
                    comparison.failures[name] = str(row)
                    continue
                comparison.names.append(name)
                rows.append(row[0])
                for folder in row[1]:
                    comparison.resized.setdefault(folder, []).append(name)
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing more is begun
    if not rows:
        first, reason = next(iter(comparison.failures.items()))
        raise StoreError(
            f"{truth.folder}: none of {len(names)} images could be compared; the "
            f"first, {first}: {reason}"
        )
    comparison.values = [list(column) for column in zip(*rows, strict=True)]
    return comparison


def _measure(
    stores: Sequence[MaskStore],
    names: Sequence[str],
    mask: NDArray[np.bool_],
    measure: Measure[ValueT],
) -> tuple[list[ValueT], list[str]]:
    """Measure one image in all stores, and name the stores of which it was resized."""
    values: list[ValueT] = []
    resized: list[str] = []
    for store, name in zip(stores, names, strict=True):
        saliency = store[name]
        if saliency.shape != mask.shape:
            # Rounding leaves the range by a hair's breadth.
            saliency = resize(saliency, *mask.shape).clip(0, 1)
            resized.append(str(store.folder))
        values.append(measure(saliency, mask))
    return values, resized


def _match(
    stores: Sequence[MaskStore], truth: MaskStore
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Find what belongs together: of every mask the map in each of the stores.

    Returns:
        Name of a mask -> names of its maps; and what some have and others lack.
    """
    found: list[dict[str, str]] = []
    left_out: dict[str, list[str]] = {}
    for store in stores:
        maps, lacking, unused = _pairs(store, truth)
        if not maps:
            raise StoreError(
                f"no name occurs both in {store.folder} ({_example(store)}) and in "
                f"{truth.folder} ({_example(truth)})"
            )
        found.append(maps)
        left_out[f"of {truth.folder} without a map in {store.folder}"] = lacking
        left_out[f"of {store.folder} without truth"] = unused
    common = sorted(set(found[0]).intersection(*found[1:]))
    if not common:
        folders = ", ".join(str(store.folder) for store in stores)
        raise StoreError(f"no image has a map in all of {folders}; score them apart")
    pairs = {name: [maps[name] for maps in found] for name in common}
    return pairs, {what: names for what, names in left_out.items() if names}


def _pairs(
    store: MaskStore, truth: MaskStore
) -> tuple[dict[str, str], list[str], list[str]]:
    """Give the map of each mask, the masks without a map and the maps without a mask.

    A mask of a store belongs to the map of the same image; a file of a plain folder to
    the map of which the file would have that name.
    """
    maps = store.map_names()
    images = set(maps.values())
    pairs: dict[str, str] = {}
    lacking: list[str] = []
    for map_name, name in truth.map_names().items():
        same = truth.origin is not None and name in images
        found = name if same else maps.get(map_name)
        if found is None:
            lacking.append(name)
        else:
            pairs[name] = found
    return pairs, sorted(lacking), sorted(images - set(pairs.values()))


def _example(store: MaskStore) -> str:
    names = store.names()
    return f"{names[0]}, ..." if names else "no maps"


def _listed(names: Sequence[str]) -> str:
    *shown, last = shortened(names, NAMES_SHOWN)
    joint = " " if len(names) > NAMES_SHOWN else ", "
    return ", ".join(shown) + joint + last if shown else last
