"""What counts as foreground in a map."""

from dilo.image import Map

# A map that nowhere reaches this would paste a ghost: it holds no foreground.
FOREGROUND = 0.5


def has_foreground(saliency: Map) -> bool:
    """Tell whether any pixel of a map is rather foreground than background."""
    return bool(saliency.max() >= FOREGROUND)
