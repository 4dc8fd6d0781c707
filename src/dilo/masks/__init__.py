"""Mask stores: a Map for every image of a folder, computed once and read often."""

from dilo.masks.compute import MaskReport, compute_masks
from dilo.masks.foreground import has_foreground
from dilo.masks.given import write_maps
from dilo.masks.manifest import Layout
from dilo.masks.store import MaskStore
from dilo.masks.truth import Comparison, compare_with_truth

__all__ = [
    "Comparison",
    "Layout",
    "MaskReport",
    "MaskStore",
    "compare_with_truth",
    "compute_masks",
    "has_foreground",
    "write_maps",
]
