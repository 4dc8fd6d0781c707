"""Put maps into a store that are made already: from another store, or from memory."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from dilo.errors import InputError, StoreError
from dilo.folder import Names
from dilo.foreground import is_empty
from dilo.image import Map
from dilo.masks.compute import check_workers
from dilo.masks.engine import run_serial
from dilo.masks.job import fill_store
from dilo.masks.manifest import Layout
from dilo.masks.naming import check_name
from dilo.masks.pool import run_pool
from dilo.masks.report import MaskReport
from dilo.masks.store import MaskStore
from dilo.masks.work import MapSource, Rating


def convert_store(
    masks: MaskStore, out: str | Path, layout: Layout, workers: int | None = None
) -> MaskReport:
    """Copy all maps of a store into one of another layout.

    Names, confidences, empty flags, failures and origin stay. Maps that were kept
    small are enlarged to the size of their images, and stay as coarse as they were.
    Can be stopped at any time: the same call goes on.

    Args:
        masks: a store with a manifest.
        out: a new folder, or that of a call that was stopped.
        layout: how the copies are kept.
        workers: processes; the usable CPU cores by default.

    Raises:
        InputError: the new store would lie in the old one, or the old one in it.
        StoreError: the store is a plain folder, `out` holds something else, another
            job writes into it, or it cannot be written.
    """
    out = Path(out)
    workers = check_workers(workers)
    inner, outer = out.resolve(), masks.folder.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise InputError(f"{out}: overlaps with {masks.folder}; give another folder")
    origin = masks.manifest.origin
    store = MaskStore.create(
        out,
        origin.method,
        origin.parameters,
        supervision=origin.supervision,
        weights=origin.weights,
        layout=layout,
    )
    # The rating of the map that was made, not of what is stored of it.
    source = MapSource(masks.folder, masks.__getitem__, partial(_rating, masks))
    engine = partial(run_pool, workers=workers)
    return fill_store(store, Names(masks.names()), source, engine, masks.failures)


def _rating(store: MaskStore, name: str, saliency: Map) -> Rating:
    return Rating(store.confidence(name), store.is_empty(name))


def write_maps(
    store: MaskStore,
    maps: Mapping[str, Map],
    confidences: Mapping[str, float] | None = None,
    failures: Mapping[str, str] | None = None,
) -> None:
    """Add maps to a store; those that it holds already stay as they are.

    Args:
        store: made by `MaskStore.create`.
        maps: name of an image -> Map of the size of the upright image.
        confidences: name -> how much a map can be trusted, in [0, 1].
        failures: name -> why an image has no map.

    Raises:
        InputError: a name is no relative name.
        StoreError: a map is no Map, or nothing can be written.
    """
    names = Names(sorted({*store.names(), *map(check_name, maps)}))
    known = {**store.failures, **(failures or {})}
    known = {name: why for name, why in known.items() if name not in maps}

    def rate(name: str, saliency: Map) -> Rating:
        confidence = (confidences or {}).get(name, float("nan"))
        return Rating(confidence, is_empty(saliency, confidence))

    source = MapSource(Path(), maps.__getitem__, rate)
    report = fill_store(store, names, source, run_serial, known)
    for name in maps:
        if name in report.failures:
            raise StoreError(f"{store.folder}: {name}: {report.failures[name]}")
