"""From an image to the graph of superpixels that GS and the consensus start from."""

import numpy as np

from dilo.image import Image
from dilo.saliency.color import pixel_lab
from dilo.saliency.graph import RegionGraph, region_graph
from dilo.saliency.rbd import border_band, default_superpixels
from dilo.saliency.scratch import scratch
from dilo.saliency.slic import padded_width, slic, superpixel_side


def image_graph(image: Image) -> RegionGraph:
    """Divide an image into RBD's superpixels and measure them, in float32."""
    height, width, _ = image.shape
    side = superpixel_side(height, width, default_superpixels(height, width))
    room = scratch("lab", (height, 3, padded_width(width)), np.float32)
    room[:, :, width:] = 0
    labels = slic(pixel_lab(image, out=room), side, width=width)
    return region_graph(image, labels, border_band(side), np.float32)
