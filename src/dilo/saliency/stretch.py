"""Bring saliency to the full range."""

from dilo.saliency.graph import Floats

EPSILON = 2.2e-16  # keeps equal values at 0


def stretch(values: Floats) -> Floats:
    """Shift and scale values to [0, 1]; zeros if all are equal."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low + EPSILON)
