"""The images of a pretraining and the maps of what may be pasted of them."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from dilo.data.image_set import Examples, SourceSet, load_into_memory
from dilo.data.shards import ShardMasks, Shards
from dilo.data.sources import ImageSource
from dilo.errors import InputError, StoreError
from dilo.foreground import Foreground
from dilo.masks import MaskStore
from dilo.pretrain.config import PretrainConfig


class MapSource(Protocol):
    """Where maps are kept: a mask store, or the shards that hold the images."""

    def __contains__(self, name: str, /) -> bool: ...

    def is_empty(self, name: str) -> bool:
        """Tell whether a map has no foreground; raise StoreError if it is damaged."""
        ...

    def foreground(self, name: str) -> Foreground | None:
        """Give the map of an image, or None where there is nothing to paste."""
        ...

    def image_shape(self, name: str) -> tuple[int, int] | None:
        """Tell the height and width of the upright image, where they are known."""
        ...

    def path(self, name: str) -> Path:
        """Say where the map of an image is, or would be."""
        ...


class Maps:
    """The maps that may be pasted: those of a store that hold a foreground."""

    def __init__(self, store: MapSource) -> None:
        """Read from `store`."""
        self.store = store

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a foreground to paste; no if the file is damaged."""
        try:
            return name in self.store and not self.store.is_empty(name)
        except StoreError:
            return False

    def __call__(self, name: str) -> Foreground | None:
        """Give the map of an image, or None where there is nothing to paste.

        Raises:
            StoreError: the file of the map is damaged.
        """
        return self.store.foreground(name)

    def image_shape(self, name: str) -> tuple[int, int] | None:
        """Tell the height and width of the upright image, where they are known."""
        return self.store.image_shape(name)


def open_maps(config: PretrainConfig, source: ImageSource) -> Maps | None:
    """Open the maps of a training; None: it is the baseline.

    Shards that are given as images and as masks hold both.

    Raises:
        StoreError: there is no mask store where the config says.
    """
    if config.masks is None:
        return None
    if config.masks == config.images and isinstance(source, Shards):
        return Maps(ShardMasks(source))
    return Maps(MaskStore.open(config.masks))


def with_maps(
    source: ImageSource, maps: Maps | None, short_side: int | None = None
) -> SourceSet:
    """Give images with all that is known of their maps, read when asked for.

    Args:
        source: of the images.
        maps: None where they stay as they are.
        short_side: to which images and maps are reduced, in pixels.
    """
    return SourceSet(
        source=source,
        find_map=maps,
        find_shape=maps.image_shape if maps else None,
        short_side=short_side,
    )


def read_examples(
    config: PretrainConfig, source: ImageSource, maps: Maps | None
) -> tuple[Examples, Mapping[str, str]]:
    """Give the images, decoded already if they are to be kept in memory.

    Returns:
        The images, and name -> reason of those that could not be decoded.

    Raises:
        InputError: there are too few images, or none has a map, or too few have one
            for the background.
    """
    names = source.names
    if maps is not None and not any(name in maps.store for name in names):
        raise InputError(
            f"{config.masks} has no map of any image of {config.images}; the map of "
            f"{names[0]} would be {maps.store.path(names[0])}"
        )
    if maps is not None and config.view.copy_paste.missing == "refuse":
        _refuse_missing(names, maps)
    images = with_maps(source, maps, config.cache_size)
    examples: Examples = images
    failures: Mapping[str, str] = {}
    if config.cache_size is not None:
        examples, failures = load_into_memory(images)
    if len(examples.names) < 2:
        raise InputError(f"{config.images}: a single image cannot be told from others")
    if maps is not None and config.view.copy_paste.background == "painted_out":
        _refuse_lonely(examples.names, maps)
    return examples, failures


def _refuse_lonely(names: Sequence[str], maps: Maps) -> None:
    """Refuse a set in which no two images can be each other's background.

    Raises:
        InputError: fewer than two images have a map with a foreground.
    """
    mapped = list(itertools.islice((name for name in names if name in maps), 2))
    if len(mapped) < 2:
        raise InputError(
            "background painted_out takes another image with a foreground map, and "
            f"{len(mapped)} of {len(names)} images {'has' if mapped else 'have'} one; "
            "compute more with `dilo masks`, or take another background"
        )


def _refuse_missing(names: Sequence[str], maps: Maps) -> None:
    """Refuse images that would stay as they are for want of a foreground map.

    Raises:
        InputError: there are such images.
    """
    missing = [name for name in names if name not in maps]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} images have no map with a foreground, "
            f"such as {missing[0]}; compute them with `dilo masks`, or let them stay "
            "as they are with missing keep"
        )
