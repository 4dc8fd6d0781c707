"""Saliency: where the foreground of an Image is, without labels and without weights.

Kernels, which are compiled (`@njit`), check nothing: the functions around them do.
"""

from collections.abc import Callable
from pathlib import Path

from dilo.errors import InputError
from dilo.image import (
    Image,
    Map,
    check_image,
    read_image,
    read_reduced,
    resize,
)
from dilo.image_file import ImageFile
from dilo.saliency.graph import paint
from dilo.saliency.gs import gs, gs_of_graph
from dilo.saliency.mc import mc, mc_of_graph
from dilo.saliency.rbd import rbd, rbd_of_graph, rbd_steps
from dilo.saliency.superpixels import image_graph
from dilo.saliency.working import bounded, shrink, working_factor


@bounded
def consensus(image: Image) -> Map:
    """Estimate saliency as the mean of what RBD, GS and MC find.

    All three work on RBD's superpixels, which take most of the time; MC's map differs
    a little from that on its own.

    Args:
        image: uint8 (H, W, 3), sRGB.

    Returns:
        float32 (H, W) in [0, 1]; all zeros where nothing stands out.

    Raises:
        InputError: `image` is no Image.
    """
    graph = image_graph(image)
    steps = rbd_steps(graph)
    total = gs_of_graph(graph, steps) + mc_of_graph(graph)
    return paint((total + rbd_of_graph(steps)) / 3, graph.labels)


METHODS: dict[str, Callable[[Image], Map]] = {
    "rbd": rbd,
    "gs": gs,
    "mc": mc,
    "consensus": consensus,
}


def estimate(
    source: ImageFile | Image, method: str = "rbd", exact: bool = False
) -> Map:
    """Estimate the saliency of an image, whatever form it comes in.

    Photographs are worked on at half their size or less (`working.working_factor`),
    which is four times faster and as good; JPEG files are not even decoded larger.

    Args:
        source: a path, the bytes of an image file, or an Image.
        method: a name in `METHODS`.
        exact: work at the full size, as the programs of the methods' authors do.

    Returns:
        float32 (H, W) in [0, 1], of the size of the upright image.

    Raises:
        InputError: there is no such method, or an array is no Image.
        ImageError: the file cannot be read.
    """
    if method not in METHODS:
        raise InputError(f"no method {method!r}; there are: {', '.join(METHODS)}")
    compute = METHODS[method]
    if isinstance(source, (str, bytes, Path)):
        if exact:
            return compute(read_image(source))
        image, (height, width) = read_reduced(source, working_factor)
    else:
        check_image(source)
        height, width, _ = source.shape
        image = source if exact else shrink(source, working_factor(height, width))
    return resize(compute(image), height, width)


__all__ = ["METHODS", "consensus", "estimate", "gs", "mc", "rbd"]
