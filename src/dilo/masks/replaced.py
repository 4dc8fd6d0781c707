"""Find photographs that were replaced since their maps were made."""

import logging
import os
from bisect import bisect_right
from pathlib import Path

from dilo.errors import ImageError
from dilo.image import read_size
from dilo.masks.index import Index

_log = logging.getLogger("dilo")


def find_replaced(index: Index, images: Path) -> list[str]:
    """Find the images that are newer than their maps and of another size.

    Those that are newer and of the same size are counted in a note: a copied data set
    is new as a whole, and its maps are as good as ever.

    Args:
        index: the maps.
        images: folder of their images.
    """
    parts = index.parts()
    starts = sorted(parts)
    times = [parts[start].stat().st_mtime for start in starts]
    replaced: list[str] = []
    newer = 0
    for row, name in zip(index.rows().tolist(), index.names(), strict=True):
        try:
            made = times[bisect_right(starts, row) - 1]
            if os.stat(images / name).st_mtime <= made:
                continue
            if read_size(images / name) == index.shape(row):
                newer += 1
            else:
                replaced.append(name)
        except (OSError, ImageError):  # gone, or reported when it is read
            continue
    if replaced:
        _log.warning(
            "%d images, such as %s, have another size than when their maps were made; "
            "their maps are made again",
            *(len(replaced), replaced[0]),
        )
    if newer:
        _log.info(
            "%s: %d images are newer than their maps; if they show something else, "
            "compute the maps in a new folder",
            *(images, newer),
        )
    return replaced
