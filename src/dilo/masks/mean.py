"""The mean map of a store: it shows at a glance whether its maps can be right."""

import numpy as np

from dilo.errors import StoreError
from dilo.image import Map, resize
from dilo.masks.store import MaskStore
from dilo.progress import Progress

SIDE = 256  # pixels
MOST = 10_000  # maps; more would not change what is seen


def mean_map(store: MaskStore, side: int = SIDE, most: int = MOST) -> Map:
    """Average maps, each stretched to a square.

    Of photographs it is a soft blob in the middle. A frame, a corner or an even grey
    shows that the method fails.

    Args:
        store: the maps.
        side: of the mean map, pixels.
        most: of larger stores, this many maps are taken, evenly spread over the names.

    Returns:
        float32 (side, side) in [0, 1].

    Raises:
        StoreError: there are no maps, or one is damaged.
    """
    names = store.names()
    if not names:
        raise StoreError(f"{store.folder}: holds no maps")
    chosen = np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).round())
    total = np.zeros((side, side))
    with Progress("mean map", len(chosen), "maps") as progress:
        for place in chosen.astype(int):
            total += resize(store.stored(names[place]), side, side)
            progress.advance()
    return (total / len(chosen)).clip(0, 1).astype(np.float32)
