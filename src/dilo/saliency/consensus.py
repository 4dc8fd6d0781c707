"""Consensus: the mean of RBD, GS and MC, in one pass over the image."""

from dilo.image import Image, Map
from dilo.saliency.graph import Floats, RegionGraph, paint
from dilo.saliency.gs import gs_of_graph
from dilo.saliency.mc import mc_of_graph
from dilo.saliency.rbd import rbd_of_graph, rbd_steps
from dilo.saliency.superpixels import image_graph
from dilo.saliency.working import bounded


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
    return paint(consensus_of_graph(graph), graph.labels)


def consensus_of_graph(graph: RegionGraph) -> Floats:
    """Saliency (N,) in [0, 1] of the regions of a graph."""
    steps = rbd_steps(graph)
    total = gs_of_graph(graph, steps) + mc_of_graph(graph)
    return (total + rbd_of_graph(steps)) / 3
