"""Compare mask stores with ground truth, by any measure of a map and its mask."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dilo.errors import DiloError, InputError, StoreError
from dilo.image import Map, resize
from dilo.masks.naming import stem
from dilo.masks.store import MaskStore
from dilo.masks.workers import default_workers
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
        """Tell a person what was left out or scaled; empty if nothing was."""
        lines = [
            f"Not compared: {len(names)} {what}: {_some(names)}"
            for what, names in self.left_out.items()
        ]
        if self.failures:
            lines.append(f"Not compared: {len(self.failures)} that cannot be read:")
            lines += _some_lines(self.failures)
        lines += [
            f"Scaled to the size of their truth: {len(names)} maps of {folder}: "
            f"{_some(names)}"
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
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    names, left_out = _match(stores, truth)
    comparison: Comparison[ValueT] = Comparison(left_out=left_out)
    rows: list[list[ValueT]] = []
    pool = ThreadPoolExecutor(workers or default_workers())
    try:
        with Progress("score", len(names), "images") as progress:
            tasks = pool.map(lambda name: _row(stores, truth, measure, name), names)
            for name, row in zip(names, tasks, strict=True):
                _collect(comparison, rows, name, row)
                progress.advance()
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


@dataclass(frozen=True)
class _Row(Generic[ValueT]):
    """One image: a value for each store."""

    values: list[ValueT]
    resized: list[str]  # folders of the stores whose map had another size


def _row(
    stores: Sequence[MaskStore],
    truth: MaskStore,
    measure: Measure[ValueT],
    name: str,
) -> _Row[ValueT] | str:
    """Measure one image in all stores; return the reason if that is impossible."""
    row: _Row[ValueT] = _Row([], [])
    try:
        mask = truth.mask(name)
        for store in stores:
            saliency = store[name]
            if saliency.shape != mask.shape:
                # Rounding leaves the range by a hair's breadth.
                saliency = resize(saliency, *mask.shape).clip(0, 1)
                row.resized.append(str(store.folder))
            row.values.append(measure(saliency, mask))
    except DiloError as error:
        return str(error)
    return row


def _collect(
    comparison: Comparison[ValueT],
    rows: list[list[ValueT]],
    name: str,
    row: _Row[ValueT] | str,
) -> None:
    if isinstance(row, str):
        comparison.failures[name] = row
        return
    comparison.names.append(name)
    rows.append(row.values)
    for folder in row.resized:
        comparison.resized.setdefault(folder, []).append(name)


def _match(
    stores: Sequence[MaskStore], truth: MaskStore
) -> tuple[list[str], dict[str, list[str]]]:
    """Find the names that all have, and what some have and others lack."""
    masks = {stem(name): name for name in truth.names()}
    common = set(masks)
    left_out: dict[str, list[str]] = {}
    for store in stores:
        maps = {stem(name): name for name in store.names()}
        if not set(masks) & set(maps):
            raise StoreError(
                f"no name occurs both in {store.folder} ({_example(store)}) and in "
                f"{truth.folder} ({_example(truth)})"
            )
        common &= set(maps)
        left_out |= {
            f"of {truth.folder} without a map in {store.folder}": [
                masks[key] for key in sorted(set(masks) - set(maps))
            ],
            f"of {store.folder} without truth": [
                maps[key] for key in sorted(set(maps) - set(masks))
            ],
        }
    if not common:
        folders = ", ".join(str(store.folder) for store in stores)
        raise StoreError(f"no image has a map in all of {folders}; score them apart")
    names = [masks[key] for key in sorted(common)]
    return names, {what: lacking for what, lacking in left_out.items() if lacking}


def _example(store: MaskStore) -> str:
    names = store.names()
    return f"{names[0]}, ..." if names else "no maps"


def _some(names: Sequence[str]) -> str:
    """List the first names, and how many more there are."""
    shown = ", ".join(names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _some_lines(failures: dict[str, str]) -> Iterable[str]:
    for name, reason in list(failures.items())[:NAMES_SHOWN]:
        yield f"  {name}: {reason}"
    if len(failures) > NAMES_SHOWN:
        yield f"  and {len(failures) - NAMES_SHOWN} more"
