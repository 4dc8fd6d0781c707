"""Mask stores: a Map for every image of a folder, computed once and read often."""

from dilo.foreground import has_foreground
from dilo.masks.batched import BatchMethod
from dilo.masks.check import check_images
from dilo.masks.compute import compute_masks, convert_store, write_maps
from dilo.masks.job import MaskReport
from dilo.masks.manifest import Layout
from dilo.masks.store import MaskStore
from dilo.masks.truth import Comparison, compare_with_truth
from dilo.masks.verify import StoreCheck, mean_map, verify_store

__all__ = [
    "BatchMethod",
    "Comparison",
    "Layout",
    "MaskReport",
    "MaskStore",
    "StoreCheck",
    "check_images",
    "compare_with_truth",
    "compute_masks",
    "convert_store",
    "has_foreground",
    "mean_map",
    "verify_store",
    "write_maps",
]
