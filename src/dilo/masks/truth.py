"""Maps together with their ground truth."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dilo.errors import StoreError
from dilo.image import Map
from dilo.masks.manifest import stem
from dilo.masks.store import MaskStore
from dilo.progress import Progress


class TruthPairs:
    """Iterates over (name, map, mask) of every image that has both.

    Names belong together when they agree up to the suffix.
    """

    def __init__(self, maps: MaskStore, truth: MaskStore) -> None:
        """Match the names.

        Raises:
            StoreError: not one image has both.
        """
        self.maps = maps
        self.truth = truth
        masks = {stem(name) for name in truth.names()}
        self.names = [name for name in maps.names() if stem(name) in masks]
        if not self.names:
            raise StoreError(
                f"no name occurs both in {maps.folder} ({_example(maps)}) and in "
                f"{truth.folder} ({_example(truth)})"
            )

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[str, Map, NDArray[np.bool_]]]:
        with Progress("score", len(self.names), "images") as progress:
            for name in self.names:
                yield name, self.maps[name], self.truth.mask(name)
                progress.advance()

    def unmatched(self) -> str:
        """Say what could not be compared; empty if all could."""
        lines = []
        if len(self.maps) > len(self.names):
            lines.append(f"{len(self.maps) - len(self.names)} maps have no truth")
        if len(self.truth) > len(self.names):
            lines.append(f"{len(self.truth) - len(self.names)} truths have no map")
        return ", ".join(lines)


def _example(store: MaskStore) -> str:
    names = store.names()
    return f"{names[0]}, ..." if names else "no maps"
