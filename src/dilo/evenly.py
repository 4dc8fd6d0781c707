"""Some of many: what is looked at before work starts."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def evenly(items: Sequence[Item], count: int) -> Sequence[Item]:
    """Give at most `count` items, evenly spread."""
    return items[:: -(-len(items) // count) or 1]
