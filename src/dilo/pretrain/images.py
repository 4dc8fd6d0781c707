"""The images of a pretraining, what may be pasted of them, and their labels."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dilo.config import to_dict
from dilo.data.image_set import Examples, SourceSet, load_into_memory
from dilo.data.labels import read_labels
from dilo.data.shards import Shards
from dilo.data.sources import ImageFiles, ImageSource
from dilo.errors import InputError, StoreError
from dilo.masks import MaskStore, check_images
from dilo.pretrain.config import DataConfig, PretrainConfig
from dilo.pretrain.objective import ImageSetInfo

Maps = MaskStore | Shards


def open_maps(data: DataConfig, source: ImageSource) -> Maps | None:
    """Open the maps of a training; None: it is the baseline.

    Shards that are given as images and as masks hold both.

    Raises:
        StoreError: there is no mask store where the config says.
    """
    if data.masks is None:
        return None
    if data.masks == data.images and isinstance(source, Shards):
        source.check_masks()
        return source
    return MaskStore.open(data.masks)


def describe_origin(maps: Maps | None) -> dict[str, Any]:
    """Say how the maps were made, as far as it is known, ready for JSON."""
    if maps is None:
        return {}
    origin = maps.origin if isinstance(maps, MaskStore) else None
    return {"masks": "not known" if origin is None else to_dict(origin)}


def can_paste(maps: Maps, name: str) -> bool:
    """Whether an image has a map with a foreground; no if its file is damaged."""
    try:
        return name in maps and not maps.is_empty(name)
    except StoreError:
        return False


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
    if maps is not None and not any(name in maps for name in names):
        raise InputError(
            f"{config.data.masks} has no map of any image of {config.data.images}; "
            f"the map of {names[0]} would be {maps.path(names[0])}"
        )
    if maps is not None and config.view.copy_paste.missing == "refuse":
        _refuse_missing(names, maps)
    find_map = None if maps is None else maps.foreground
    size = config.data.cache_size
    square = False
    if isinstance(maps, MaskStore) and isinstance(source, ImageFiles):
        check_images(maps, source.root, names)
        square = maps.square
    images = SourceSet(source=source, find_map=find_map, square=square, short_side=size)
    examples: Examples = images
    failures: Mapping[str, str] = {}
    if size is not None:
        examples, failures = load_into_memory(images)
    if len(examples.names) < 2:
        raise InputError(
            f"{config.data.images}: a single image cannot be told from others"
        )
    if maps is not None and config.view.copy_paste.background == "painted_out":
        _refuse_lonely(examples.names, maps)
    return examples, failures


def count_maps(maps: Maps | None, names: Sequence[str]) -> int:
    """Count the images that have a foreground to paste; plain files are all read."""
    return 0 if maps is None else sum(can_paste(maps, name) for name in names)


def _refuse_lonely(names: Sequence[str], maps: Maps) -> None:
    """Refuse a set in which no two images can be each other's background."""
    mapped = list(
        itertools.islice((name for name in names if can_paste(maps, name)), 2)
    )
    if len(mapped) < 2:
        raise InputError(
            "background painted_out takes another image with a foreground map, and "
            f"{len(mapped)} of {len(names)} images {'has' if mapped else 'have'} one; "
            "compute more with `dilo masks`, or take another background"
        )


def _refuse_missing(names: Sequence[str], maps: Maps) -> None:
    """Refuse images that would stay as they are for want of a foreground map."""
    missing = [name for name in names if not can_paste(maps, name)]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} images have no map with a foreground, "
            f"such as {missing[0]}; compute them with `dilo masks`, or let them stay "
            "as they are with missing keep"
        )


def find_info(
    folder: Path, names: Sequence[str], labels: str | Path | None
) -> ImageSetInfo:
    """Describe the images `names` below `folder`, labelled by class folders or a CSV.

    Raises:
        InputError: the labels cannot be read, or leave an image out.
    """
    if labels is None:
        return ImageSetInfo(count=len(names))
    known = read_labels(Path(labels), "train")
    numbers = dict(zip(map(Path.resolve, known.paths()), known.labels, strict=True))
    paths = [(folder / name).resolve() for name in names]
    missing = [path for path in paths if path not in numbers]
    if missing:
        raise InputError(
            f"{labels} has no label for {len(missing)} of {len(names)} images, such as "
            f"{missing[0]}; label them, or pretrain on a folder of labelled images"
        )
    return ImageSetInfo(
        count=len(names),
        labels=torch.tensor([int(numbers[path]) for path in paths]),
        classes=known.classes,
    )
