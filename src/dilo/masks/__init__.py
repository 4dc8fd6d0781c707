"""Mask stores: a Map for every image of a folder, computed once and read often."""

from dilo.masks.compute import MaskReport, compute_masks
from dilo.masks.store import MaskStore, has_foreground
from dilo.masks.truth import TruthPairs

__all__ = ["MaskReport", "MaskStore", "TruthPairs", "compute_masks", "has_foreground"]
