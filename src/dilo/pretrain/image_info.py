"""Find what an objective knows of its images, and their labels."""

from collections.abc import Sequence
from pathlib import Path

import torch

from dilo.data.labels import read_labels
from dilo.errors import InputError
from dilo.pretrain.objective import ImageSetInfo


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
