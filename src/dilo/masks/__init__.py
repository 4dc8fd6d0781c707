"""Mask stores: a Map for every image of a folder, computed once and read often."""

from dilo.foreground import has_foreground
from dilo.masks.compute import MaskReport, compute_masks
from dilo.masks.convert import convert_store
from dilo.masks.given import write_maps
from dilo.masks.manifest import Layout
from dilo.masks.mean import mean_map
from dilo.masks.store import MaskStore
from dilo.masks.truth import Comparison, compare_with_truth
from dilo.masks.verify import Verdict, verify_store

__all__ = [
    "Comparison",
    "Layout",
    "MaskReport",
    "MaskStore",
    "Verdict",
    "compare_with_truth",
    "compute_masks",
    "convert_store",
    "has_foreground",
    "mean_map",
    "verify_store",
    "write_maps",
]
