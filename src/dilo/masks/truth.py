"""Compare mask stores with ground truth, by any measure of a map and its mask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dilo.cores import in_threads
from dilo.errors import DiloError, InputError, StoreError, shortened
from dilo.image import Map, resize, same_aspect
from dilo.masks.check import check_foreground
from dilo.masks.store import MaskStore
from dilo.progress import Progress

NAMES_SHOWN = 5

ValueT = TypeVar("ValueT")
Measure = Callable[[Map, NDArray[np.bool_]], ValueT]


@dataclass
class Comparison(Generic[ValueT]):
    """What was measured: the same images in every store, in one order."""

    names: list[str]  # of the truth
    values: list[list[ValueT]]  # for each store
    remarks: list[str]  # what was left out or scaled

    def summary(self) -> str:
        """Say what was left out or scaled; empty if nothing was."""
        return "\n".join(self.remarks)


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
        StoreError: no mask of the truth shows an object, or not one image could be
            measured in all stores.
        Exception: what `measure` raises, but for a DiloError, which is a failure of
            the image.
    """
    if not stores:
        raise InputError("there are no stores to compare with the truth")
    check_foreground(truth)
    pairs, remarks = _match(stores, truth)
    measured: dict[str, list[ValueT]] = {}
    failures: dict[str, str] = {}
    resized: dict[str, list[str]] = {}

    def measure_image(name: str) -> tuple[list[ValueT], list[str]]:
        return _measure(stores, pairs[name], truth.mask(name), measure)

    with Progress("score", len(pairs), "images") as progress:
        for name, result in in_threads(measure_image, pairs, workers):
            progress.advance()
            if isinstance(result, DiloError):
                failures[name] = str(result)
                continue
            measured[name], folders = result
            for folder in folders:
                resized.setdefault(folder, []).append(name)
    if not measured:
        first, reason = next(iter(failures.items()))
        raise StoreError(
            f"{truth.folder}: none of {len(pairs)} images could be compared; the "
            f"first, {first}: {reason}"
        )
    if failures:
        remarks.append(f"Not compared: {len(failures)} that cannot be read:")
        reasons = [f"{name}: {why}" for name, why in failures.items()]
        remarks += [f"  {line}" for line in shortened(reasons, NAMES_SHOWN)]
    for folder, names in resized.items():
        what = f"maps of {folder}: " + ", ".join(shortened(names, NAMES_SHOWN))
        remarks.append(f"Scaled to the size of their truth: {len(names)} {what}")
    values = [list(column) for column in zip(*measured.values(), strict=True)]
    return Comparison(list(measured), values, remarks)


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
        if not (same_aspect(mask.shape, saliency.shape) or store.square):
            (height, width), (rows, columns) = mask.shape, saliency.shape
            raise StoreError(
                f"{store.folder}: {name}: the map is {columns} x {rows}, another shape "
                f"than the truth's {width} x {height}"
            )
        if saliency.shape != mask.shape:
            # Rounding leaves the range by a hair's breadth.
            saliency = resize(saliency, *mask.shape).clip(0, 1)
            resized.append(str(store.folder))
        values.append(measure(saliency, mask))
    return values, resized


def _match(
    stores: Sequence[MaskStore], truth: MaskStore
) -> tuple[dict[str, list[str]], list[str]]:
    """Give the maps of each mask, one of each store; and say what others lack.

    A mask of a store belongs to the map of the same image; a file of a plain folder to
    the map of which the file would have that name.
    """
    found: list[dict[str, str]] = []
    remarks: list[str] = []
    masks = truth.map_names()
    for store in stores:
        maps = store.map_names()
        images = set(maps.values())
        pairs = {
            name: name if truth.origin and name in images else maps.get(map_name)
            for map_name, name in masks.items()
        }
        found.append({name: image for name, image in pairs.items() if image})
        if not found[-1]:
            raise StoreError(
                f"no name occurs both in {store.folder} ({_example(store)}) and in "
                f"{truth.folder} ({_example(truth)})"
            )
        lacking, unused = set(pairs) - set(found[-1]), images - set(found[-1].values())
        for names, what in (
            (lacking, f"of {truth.folder} without a map in {store.folder}"),
            (unused, f"of {store.folder} without truth"),
        ):
            if names:
                shown = ", ".join(shortened(sorted(names), NAMES_SHOWN))
                remarks.append(f"Not compared: {len(names)} {what}: {shown}")
    common = sorted(set.intersection(*map(set, found)))
    if not common:
        folders = ", ".join(str(store.folder) for store in stores)
        raise StoreError(f"no image has a map in all of {folders}; score them apart")
    return {name: [maps[name] for maps in found] for name in common}, remarks


def _example(store: MaskStore) -> str:
    return ", ".join([*store.names()[:1], "..."]) if len(store) else "no maps"
