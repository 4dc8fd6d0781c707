"""Masks as other programs write them: what their files mean.

Some files are looked at, and all are then read in the same way: by their alpha, as two
values of which 0 is the background, or as grey. Where it cannot be known which values
are the object, all are refused.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dilo.errors import ImageError, StoreError
from dilo.image import Map, read_map
from dilo.image_file import ImageFile, load, name_of, read_content

LOOKED_AT = 64  # files of a set
FEW = 8  # values; a soft mask has more

# Difference of the channels of what is grey but for the compression of JPEG.
_GREY = 8

Kind = Literal["alpha", "two values", "grey"]

_log = logging.getLogger("dilo")


@dataclass(frozen=True, kw_only=True)
class PlainMasks:
    """How the files of a set are read."""

    kind: Kind
    square: bool = False  # all are squares of one size, as networks write them

    def read(self, file: ImageFile) -> Map:
        """Read a mask: float32 (H, W) in [0, 1].

        Raises:
            ImageError: the file cannot be read, or is of another kind.
        """
        if self.kind == "grey":
            return read_map(file)
        kind, values = _values(file, alpha=self.kind == "alpha")
        if self.kind == "alpha":
            if kind != "alpha":
                raise ImageError(f"{name_of(file)}: has no alpha, as the others have")
            return values.astype(np.float32) / np.float32(255)
        found = np.unique(values[values != 0])
        if len(found) > 1:
            shown = ", ".join(f"{value:g}" for value in found[:3])
            raise ImageError(
                f"{name_of(file)}: has the values {shown} beside 0, where the others "
                "have one"
            )
        return (values != 0).astype(np.float32)


def find_kind(where: object, files: Iterable[ImageFile]) -> PlainMasks:
    """Look at some masks of a set and say how all are to be read.

    What was understood is logged. Files that cannot be read are left to whoever reads
    them.

    Args:
        where: what names the set in messages.
        files: some `LOOKED_AT` of its files, evenly spread.

    Raises:
        StoreError: it cannot be known which values are the object, or not all masks
            are of one kind.
    """
    examples: dict[Kind, str] = {}  # a file of each kind
    tops: set[float] = set()  # the larger of two values, or the only one
    shapes: set[tuple[int, ...]] = set()
    for file in files:
        try:
            kind, values = _values(file)
        except ImageError:
            continue
        shapes.add(values.shape)
        found = np.unique(values)
        if kind != "alpha" and len(found) == 1:
            tops |= set(found.tolist()) - {0}
            continue
        kind = _kind_of(file, kind, found)
        examples.setdefault(kind, name_of(file))
        if kind == "two values":
            tops.add(float(found[-1]))
    if "grey" in examples and tops <= {255}:  # of both kinds, which agree
        examples.pop("two values", None)
    if not examples and len(tops) > 1:  # of some levels, each all over its mask
        examples["grey"] = ""
    if len(examples) > 1:
        kinds = " and ".join(f"{name} ({kind})" for kind, name in examples.items())
        raise StoreError(
            f"{where}: holds masks of several kinds: {kinds}; give one kind"
        )
    (shape,) = shapes if len(shapes) == 1 else [(0, 1)]
    masks = PlainMasks(
        kind=next(iter(examples), "two values"), square=shape[0] == shape[1]
    )
    _log.info("%s: %s", where, _explain(masks.kind, tops))
    return masks


def _explain(kind: Kind, tops: set[float]) -> str:
    if kind == "alpha":
        return "masks are read from the alpha of the files"
    if kind == "grey":
        return "masks are read as grey, from black (background) to white (object)"
    shown = ", ".join(f"{top:g}" for top in sorted(tops)[:3]) or "any other"
    return f"masks are read as two values: 0 is background, {shown} the object"


def _kind_of(file: ImageFile, kind: str, found: NDArray[np.generic]) -> Kind:
    """Say what the values of a mask mean.

    Raises:
        StoreError: it cannot be known.
    """
    if kind == "alpha":
        return "alpha"
    if len(found) == 2 and found[0] == 0:
        return "two values"
    if len(found) > FEW and kind == "grey":
        return "grey"
    if len(found) == 2 and found.dtype == np.uint8 and found[0] < 128 < found[1]:
        return "grey"
    shown = ", ".join(f"{value:g}" for value in found[:FEW])
    raise StoreError(
        f"{name_of(file)}: holds the values {shown}, and it cannot be known which of "
        "them are the object; make masks of two values, 0 for the background"
    )


def _values(file: ImageFile, *, alpha: bool = False) -> tuple[str, NDArray[np.generic]]:
    """Read the values that may be a mask, (H, W), and say of what they are.

    Of the alpha if it varies (or is wanted), else of a palette's indices or two
    colours (`index`), else of `grey`.

    Raises:
        ImageError: the file cannot be read.
        StoreError: it is coloured.
    """
    image = load(read_content(file), name_of(file))[0]
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        opacity = np.asarray(image.convert("RGBA"))[..., 3]
        if alpha or opacity.min() != opacity.max():
            return "alpha", opacity
        image = image.convert("RGB")
    if image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16"):
        return "grey", np.asarray(image.convert("L") if image.mode == "1" else image)
    indices = np.asarray(image) if image.mode == "P" else None
    colours = np.asarray(image.convert("RGB"))
    spread = colours.max(axis=2).astype(int) - colours.min(axis=2)
    if spread.max() <= _GREY:
        return "grey", np.asarray(image.convert("L"))
    return "index", _two_colours(file, colours) if indices is None else indices


def _two_colours(file: ImageFile, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Read a colour on black as 1 on 0."""
    packed = colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1])
    found = np.unique(packed)
    if len(found) > 2 or found[0] != 0:
        raise StoreError(
            f"{name_of(file)}: is coloured, and no mask; make masks of two values, 0 "
            "for the background, or give the folder of the masks"
        )
    return (packed != 0).astype(np.uint8)
