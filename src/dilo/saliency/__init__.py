"""Saliency: where the foreground of an Image is, without labels and without weights."""

from collections.abc import Callable
from pathlib import Path

from dilo.errors import InputError
from dilo.image import Image, Map, Source, read_image
from dilo.saliency.consensus import consensus
from dilo.saliency.gs import gs
from dilo.saliency.mc import mc
from dilo.saliency.rbd import rbd

METHODS: dict[str, Callable[[Image], Map]] = {
    "rbd": rbd,
    "gs": gs,
    "mc": mc,
    "consensus": consensus,
}


def estimate(source: Source | Image, method: str = "rbd") -> Map:
    """Estimate the saliency of an image, whatever form it comes in.

    Args:
        source: a path, the bytes of an image file, or an Image.
        method: a name in `METHODS`.

    Returns:
        float32 (H, W) in [0, 1], of the size of the upright image.

    Raises:
        InputError: there is no such method, or an array is no Image.
        ImageError: the file cannot be read.
    """
    if method not in METHODS:
        raise InputError(f"no method {method!r}; there are: {', '.join(METHODS)}")
    if isinstance(source, (str, bytes, Path)):
        return METHODS[method](read_image(source))
    return METHODS[method](source)


__all__ = ["METHODS", "consensus", "estimate", "gs", "mc", "rbd"]
