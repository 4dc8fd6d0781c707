"""What counts as foreground in a map."""

import math

import cv2

from dilo.image import Map

# A map that nowhere reaches this would paste a ghost: it holds no foreground.
FOREGROUND = 0.5

# Below it are 0.8 % of RBD maps of DUTS, whose mean IoU is .10; see docs/confidence.md.
LEAST_CONFIDENCE = 0.15


def has_foreground(saliency: Map) -> bool:
    """Tell whether any pixel of a map is rather foreground than background."""
    # The largest value, in one call: numpy's way to it goes through Python.
    return cv2.norm(saliency, cv2.NORM_INF) >= FOREGROUND


def is_empty(saliency: Map, confidence: float = math.nan) -> bool:
    """Tell whether a map holds nothing that is worth pasting.

    Args:
        saliency: float32 (H, W) in [0, 1].
        confidence: in [0, 1]; NaN if it is not known.
    """
    return not has_foreground(saliency) or confidence < LEAST_CONFIDENCE
