"""Labelled images: class folders, or a CSV with `file,label[,split]`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os.path import realpath
from pathlib import Path
from typing import get_args
from unicodedata import normalize

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dilo.data.listed import find_files
from dilo.data.splits import (
    Split,
    choose_split,
    find_split,
    refuse_inner_splits,
    split_called,
)
from dilo.data.table import Row, read_rows
from dilo.errors import InputError, shortened
from dilo.folder import list_images
from dilo.progress import notify

# The first of these that the header has holds the class; ImageNet lists say wnid.
LABEL_COLUMNS = ("label", "wnid", "class")
# Images, and what the user should be told of how they were read.
_Read = tuple["LabelledImages", list[str]]


@dataclass(frozen=True, kw_only=True)
class LabelledImages:
    """Image files and the class of each."""

    root: Path
    names: tuple[str, ...]  # relative to root, with forward slashes
    labels: NDArray[np.int64]  # (N,), index into classes
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def paths(self) -> list[Path]:
        """List the image files, in the order of the labels."""
        return [self.root / name for name in self.names]

    def take(self, indices: ArrayLike) -> "LabelledImages":
        """Keep only the images at `indices`, in that order; classes stay."""
        rows = np.asarray(indices, dtype=np.int64)
        names = tuple(self.names[row] for row in rows)
        return replace(self, names=names, labels=self.labels[rows])

    def with_classes(self, classes: Sequence[str]) -> "LabelledImages":
        """Number the labels by another list of classes, matched by name.

        Raises:
            InputError: an image is of a class that is not in `classes`.
        """
        position = {name: index for index, name in enumerate(classes)}
        number = np.array([position.get(name, -1) for name in self.classes])
        labels = number[self.labels]
        if (labels < 0).any():
            first = int(labels.argmin())
            known = ", ".join(shortened(classes, 5))
            raise InputError(
                f"{self.root / self.names[first]}: its class "
                f"{self.classes[self.labels[first]]!r} is not among the "
                f"{len(classes)} training classes ({known}); "
                "take the image away or add training images of that class"
            )
        return replace(self, labels=labels, classes=tuple(classes))


def read_train_val(train: Path, val: Path) -> tuple[LabelledImages, LabelledImages]:
    """Read both splits; the labels of `val` are numbered by the classes of `train`.

    Both may be the same CSV or folder when it says which image is in which split.

    Raises:
        InputError: as for `read_labels`, `val` has a class that `train` lacks, or an
            image is in both.
    """
    (training, notes), (validation, more) = _read(train, "train"), _read(val, "val")
    _tell([*notes, *more])
    shared = set(_real_paths(training)) & set(_real_paths(validation))
    if shared:
        raise InputError(
            f"{min(shared)}: is among the training images and the val images, "
            f"{len(shared)} such images in all; scores would be of no use. Give "
            "different folders, or a CSV with a column split that lists every image "
            "once"
        )
    return training, validation.with_classes(training.classes)


def read_labels(source: Path, split: Split) -> LabelledImages:
    """Read one split of a labelled data set.

    What is understood otherwise than one might think, such as `test` for `val`, is
    told on standard error.

    Args:
        source: a folder with one folder of images for each class (any depth below);
            a folder with `train` and `val` folders of that kind; or a CSV with the
            columns `file` and `label` (or `wnid`, or `class`), and perhaps `split`.
            The files of a CSV are looked up below its folder, then below `images/`
            in it.
        split: which rows or folder to take where the source tells splits apart. Where
            nothing is marked `val`, `test` stands in for it.

    Raises:
        InputError: the source is missing or of neither form, a file that it lists is
            missing, or nothing is left of the split.
    """
    images, notes = _read(source, split)
    _tell(notes)
    return images


def _tell(notes: Iterable[str]) -> None:
    for note in dict.fromkeys(notes):  # both splits have some in common
        notify(note)


def _real_paths(images: LabelledImages) -> list[str]:
    """Give the paths of the images, the same however their folder was given."""
    root = Path(realpath(images.root))
    return [f"{root}/{name}" for name in images.names]


def _read(source: Path, split: Split) -> _Read:
    source = Path(source)
    if split not in get_args(Split):
        raise InputError(f"split must be train or val, got {split!r}")
    if source.is_dir():
        return _read_folders(source, split)
    if not source.is_file():
        raise InputError(
            f"{source}: no such file or folder; give class folders or a CSV with "
            "the columns file,label[,split]"
        )
    return _read_table(source, split)


def _read_folders(source: Path, split: Split) -> _Read:
    """Read class folders, below train/ or val/ where the folder holds splits."""
    root, notes = find_split(source, split)
    names = list_images(root)
    loose = [name for name in names if "/" not in name]
    if loose:
        taken = "" if root == source else f" (it is taken for a split of {source})"
        raise InputError(
            f"{root / loose[0]}: lies beside the class folders of {root}{taken}, "
            f"{len(loose)} of {len(names)} images do; put every image into "
            "the folder of its class, or list the images in a CSV with file,label"
        )
    refuse_inner_splits(root, names)
    labels = [name.split("/")[0] for name in names]
    if {"images", "masks"} <= set(labels):
        raise InputError(
            f"{root}: holds images and masks, which are no classes; give folders of "
            "classes, or a CSV with file,label"
        )
    empty = {path.name for path in root.iterdir() if path.is_dir()} - set(labels)
    if seen := sorted(name for name in empty if not name.startswith(".")):
        few = ", ".join(shortened(seen, 5))
        notes.append(f"{root}: passes over folders without images: {few}")
    return _index(root, names, labels), notes


def _read_table(table: Path, split: Split) -> _Read:
    rows = chosen = read_rows(table, LABEL_COLUMNS, optional="split")
    notes: list[str] = []
    if rows[0].texts[1:]:
        marks = [_mark(table, row) for row in rows]
        present = {mark: row.texts[1] for mark, row in zip(marks, rows, strict=True)}
        wanted, notes = choose_split(table, split, present)
        chosen = [row for row, mark in zip(rows, marks, strict=True) if mark == wanted]
    root, names = find_files(table, rows, chosen)
    return _index(root, names, [row.texts[0] for row in chosen]), notes


def _mark(table: Path, row: Row) -> str:
    mark = split_called(row.texts[1])
    if mark is None:
        raise InputError(
            f"{table}, line {row.line}: split must be one of train, val, test, "
            f"got {row.texts[1]!r}"
        )
    return mark


def _index(root: Path, names: Sequence[str], labels: Sequence[str]) -> LabelledImages:
    # What looks the same is the same class, composed or decomposed.
    labels = [normalize("NFC", label) for label in labels]
    classes, numbers = np.unique(labels, return_inverse=True)
    return LabelledImages(
        root=root, names=tuple(names), labels=numbers, classes=tuple(classes.tolist())
    )
