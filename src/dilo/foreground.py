"""What counts as foreground in a map."""

import math
from typing import NamedTuple

from dilo.image import Map

# A map that nowhere reaches this would paste a ghost: it holds no foreground.
FOREGROUND = 0.5

# Below it are 0.8 % of RBD maps of DUTS, whose mean IoU is .10; see docs/confidence.md.
LEAST_CONFIDENCE = 0.15


class Foreground(NamedTuple):
    """What may be pasted of an image."""

    saliency: Map  # of the image's aspect, at any size; it has a foreground
    shape: tuple[int, int] | None = None  # of the upright image, where it is known


def has_foreground(saliency: Map) -> bool:
    """Tell whether any pixel of a map is rather foreground than background."""
    return bool(saliency.max() >= FOREGROUND)


def is_empty(saliency: Map, confidence: float = math.nan) -> bool:
    """Tell whether a map holds nothing that is worth pasting.

    Args:
        saliency: float32 (H, W) in [0, 1].
        confidence: in [0, 1]; NaN if it is not known.
    """
    return not has_foreground(saliency) or confidence < LEAST_CONFIDENCE
