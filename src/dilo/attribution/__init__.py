"""Which pixels a network's answer depends on."""

from dilo.attribution.gradient import (
    EnergyInside,
    class_score,
    energy_inside,
    gradient_map,
    neighbour_score,
)

__all__ = [
    "EnergyInside",
    "class_score",
    "energy_inside",
    "gradient_map",
    "neighbour_score",
]
