"""Whether the maps of a store can be used with its images, before work starts."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dilo.errors import DiloError, InputError, StoreError
from dilo.evenly import evenly
from dilo.image import Map, read_size, same_aspect
from dilo.masks.store import MaskStore

LOOKED_AT = 32  # images or maps, evenly spread
MOST_BENT = 0.25  # share of maps of another shape than their image; few are left out

_log = logging.getLogger("dilo")


def check_images(store: MaskStore, images: Path, names: Sequence[str]) -> None:
    """Check by some images that maps have their shapes.

    Squares of one size, as networks write them, may be of images of any shape: they
    are scaled, which is logged.

    Args:
        store: the maps.
        images: folder of the images.
        names: of the images.

    Raises:
        InputError: both are one folder.
        StoreError: too many maps have another shape than their image, or none shows
            an object.
    """
    if store.folder.resolve() == images.resolve():
        raise InputError(f"{images}: given as the images and as their masks")
    check_foreground(store)
    bent: list[str] = []
    fitting = 0
    for name in evenly(names, LOOKED_AT):
        try:
            if name not in store:
                continue
            size, shape = read_size(images / name), store.shape(name)
        except DiloError:  # reported by whoever reads it
            continue
        if same_aspect(size, shape):
            fitting += 1
            continue
        (height, width), (rows, columns) = size, shape
        bent.append(
            f"{store.path(name)}: is {columns} x {rows}, another shape than its image "
            f"{images / name} of {width} x {height}"
        )
    if bent and store.square:
        _log.info(
            "%s: all masks are squares of one size; they are scaled to the shape of "
            "their images",
            store.folder,
        )
    elif len(bent) > MOST_BENT * (len(bent) + fitting):
        count = f"{len(bent)} of {len(bent) + fitting} masks that were looked at are so"
        raise StoreError(f"{bent[0]}; {count}")


def check_foreground(store: MaskStore) -> None:
    """Refuse a store in which no map shows an object; name one that looks inverted.

    Raises:
        StoreError: no map shows an object.
    """
    names = store.names()
    some = evenly(names, LOOKED_AT)
    shown = [
        saliency
        for saliency in (_foreground(store, name) for name in some)
        if saliency is not None
    ]
    if not shown and all(_foreground(store, name) is None for name in names):
        raise StoreError(
            f"{store.folder}: none of its {len(names)} maps shows an object: nowhere "
            "are they brighter than half of white"
        )
    inverted = sum(map(_looks_inverted, shown))
    if inverted > len(shown) / 2:
        _log.warning(
            "%s: %d of %d masks are brighter at the rim than within: are they "
            "inverted? White is the object",
            *(store.folder, inverted, len(shown)),
        )


def _foreground(store: MaskStore, name: str) -> Map | None:
    try:
        return store.foreground(name)
    except DiloError:  # reported by whoever reads it
        return None


def _looks_inverted(saliency: Map) -> bool:
    rim = np.concatenate([saliency[[0, -1]].ravel(), saliency[:, [0, -1]].ravel()])
    return bool(rim.mean() > max(0.75, saliency.mean()))
