"""What lies beside photographs and is none: folders of systems, outputs, masks."""

from collections.abc import Sequence
from pathlib import Path
from posixpath import splitext

import numpy as np
import PIL.Image
import PIL.PngImagePlugin

from dilo.evenly import evenly

# Thumbnails of Synology and QNAP, leftovers of macOS archives, waste baskets.
SIDE_FOLDERS = {
    *("@eaDir", "@Recycle", "#recycle", "__MACOSX", "$RECYCLE.BIN", "lost+found"),
    "System Volume Information",
}

# By the file that every such folder of ours has.
OUTPUTS = {
    "masks.json": "a mask store",
    "bank.json": "a bank of backgrounds",
    "environment.json": "a run",
}

# In the head of each picture that a command draws, and not of those of a data set.
MARK = ("Software", "dilo")
_HEAD = 256  # bytes of a file, among which the mark is

_LOOKED_AT = 32  # of the pairs of a photograph and what may be its mask
_EXTREME = 0.9  # share of black and white pixels, from which grey is a mask


def drawn_here() -> PIL.PngImagePlugin.PngInfo:
    """Give the mark of a picture that a command draws, for Pillow to write."""
    mark = PIL.PngImagePlugin.PngInfo()
    mark.add_text(*MARK)
    return mark


def was_drawn_here(path: Path) -> bool:
    """Tell a PNG file that a command has drawn."""
    try:
        with path.open("rb") as file:
            return "\0".join(MARK).encode() in file.read(_HEAD)
    except OSError:  # reported by whoever reads the image
        return False


def masks_among(root: Path, names: Sequence[str]) -> frozenset[str]:
    """Find the PNG files that are masks of JPEG files of the same name beside them.

    Either all of a folder's pairs are a photograph and its mask, as in MSRA10K, or
    none: some are looked at.
    """
    photographs = (name for name in names if _ends(name, ".jpg", ".jpeg"))
    if next(photographs, None) is None:  # needs no table of a million drawings
        return frozenset()
    drawings = {splitext(name)[0]: name for name in names if _ends(name, ".png")}
    if not drawings:
        return frozenset()
    stems = (splitext(name)[0] for name in names if _ends(name, ".jpg", ".jpeg"))
    pairs = [drawings[stem] for stem in stems if stem in drawings]
    some = evenly(pairs, _LOOKED_AT)
    are_masks = bool(some) and all(_is_mask(root / name) for name in some)
    return frozenset(pairs if are_masks else ())


def _ends(name: str, *suffixes: str) -> bool:
    return name.lower().endswith(suffixes)


def _is_mask(path: Path) -> bool:
    """Whether a picture is black and white, or cut out by its alpha."""
    try:
        with PIL.Image.open(path) as image:
            if image.mode in ("RGBA", "LA"):
                low, high = image.getchannel("A").getextrema()
                return low != high
            if image.mode not in ("1", "L", "P"):
                return False
            counts = np.array(image.histogram()[:256])
    except Exception:  # reported by whoever reads the image
        return False
    dark, bright = counts.nonzero()[0][[0, -1]]
    return bool(counts[dark] + counts[bright] >= _EXTREME * counts.sum())
