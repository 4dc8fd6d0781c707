"""The images of a pretraining and the maps of what may be pasted of them."""

from collections.abc import Mapping, Sequence

from dilo.data.image_set import Examples, SourceSet, load_into_memory
from dilo.data.sources import open_source
from dilo.errors import InputError, StoreError
from dilo.image import Map
from dilo.masks import MaskStore
from dilo.pretrain.config import PretrainConfig


class Maps:
    """The maps that may be pasted: those of a store that hold a foreground."""

    def __init__(self, store: MaskStore) -> None:
        """Read from `store`."""
        self.store = store

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a foreground to paste; no if the file is damaged."""
        try:
            return name in self.store and not self.store.is_empty(name)
        except StoreError:
            return False

    def __call__(self, name: str) -> Map | None:
        """Give the map of an image, or None where there is nothing to paste.

        Raises:
            StoreError: the file of the map is damaged.
        """
        return self.store.foreground(name)


def read_examples(
    config: PretrainConfig, maps: Maps | None
) -> tuple[Examples, Mapping[str, str]]:
    """Find the images, and decode them all if they are to be kept in memory.

    Returns:
        The images, and name -> reason of those that could not be decoded.

    Raises:
        InputError: there are too few images, or none has a map.
    """
    source = open_source(config.images)
    names = source.names
    if maps is not None and not any(name in maps.store for name in names):
        raise InputError(
            f"{config.masks} has no map of any image of {config.images}; the map of "
            f"{names[0]} would be {maps.store.path(names[0])}"
        )
    if maps is not None and config.view.copy_paste.missing == "refuse":
        _refuse_missing(names, maps)
    images = SourceSet(source=source, find_map=maps, short_side=config.cache_size)
    examples: Examples = images
    failures: Mapping[str, str] = {}
    if config.cache_size is not None:
        examples, failures = load_into_memory(images)
    if len(examples.names) < 2:
        raise InputError(f"{config.images}: a single image cannot be told from others")
    return examples, failures


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
