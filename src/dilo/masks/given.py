"""Put maps into a store that were made by other means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dilo.errors import StoreError
from dilo.folder import Names
from dilo.foreground import is_empty
from dilo.image import Map
from dilo.masks.fill import fill
from dilo.masks.naming import check_name
from dilo.masks.store import MaskStore
from dilo.masks.work import Judgement
from dilo.masks.workers import run_serial


@dataclass(frozen=True)
class _Given:
    """Maps that are in memory."""

    maps: Mapping[str, Map]
    confidences: Mapping[str, float] = field(default_factory=dict)
    folder: Path = Path()

    def warm(self) -> None:
        """Nothing has to be compiled."""

    def map(self, name: str) -> Map:
        return self.maps[name]

    def judge(self, name: str, saliency: Map) -> Judgement:
        confidence = self.confidences.get(name, float("nan"))
        return Judgement(confidence, is_empty(saliency, confidence))


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
        StoreError: a map is no Map, or has the name of another up to the suffix; or
            nothing can be written.
    """
    names = Names(sorted({*store.names(), *map(check_name, maps)}))
    known = {**store.failures, **(failures or {})}
    known = {name: why for name, why in known.items() if name not in maps}
    filled = fill(store, names, _Given(maps, confidences or {}), run_serial, known)
    for name in maps:
        if name in filled.failures:
            raise StoreError(f"{store.folder}: {name}: {filled.failures[name]}")
