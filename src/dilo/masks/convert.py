"""Bring a mask store into another format, or into another size."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dilo.errors import InputError
from dilo.folder import Names
from dilo.image import Map
from dilo.masks.compute import MaskReport, check_workers
from dilo.masks.fill import fill
from dilo.masks.manifest import Layout
from dilo.masks.store import MaskStore
from dilo.masks.work import Judgement
from dilo.masks.workers import run_local


@dataclass(frozen=True)
class FromStore:
    """Maps of another store, with what it knows of them."""

    store: MaskStore

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        return self.store.folder

    def warm(self) -> None:
        """Nothing has to be compiled."""

    def map(self, name: str) -> Map:
        """Read a map at the size of its image."""
        return self.store[name]

    def judge(self, name: str, saliency: Map) -> Judgement:
        """Keep the judgement: of the map that was made, not of what is stored."""
        return Judgement(self.store.confidence(name), self.store.is_empty(name))


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
    names = Names(masks.names())
    run = partial(run_local, workers=workers)
    return MaskReport.of(fill(store, names, FromStore(masks), run, masks.failures))
