"""What an objective is told of the images, apart from the images themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dilo.data.labels import read_labels
from dilo.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The set of images: how many there are, and their classes where these are used."""

    count: int
    labels: Tensor | None = None  # int64 (N,), index into `classes`
    classes: tuple[str, ...] = ()


def find_subject(folder: Path, names: Sequence[str], labels: Path | None) -> Subject:
    """Describe the images `names` below `folder`, labelled by class folders or a CSV.

    Raises:
        InputError: the labels cannot be read, or leave an image out.
    """
    if labels is None:
        return Subject(count=len(names))
    known = read_labels(labels, "train")
    numbers = dict(zip(map(Path.resolve, known.paths()), known.labels, strict=True))
    paths = [(folder / name).resolve() for name in names]
    missing = [path for path in paths if path not in numbers]
    if missing:
        raise InputError(
            f"{labels} has no label for {len(missing)} of {len(names)} images, such as "
            f"{missing[0]}; label them, or pretrain on a folder of labelled images"
        )
    return Subject(
        count=len(names),
        labels=torch.tensor([int(numbers[path]) for path in paths]),
        classes=known.classes,
    )
