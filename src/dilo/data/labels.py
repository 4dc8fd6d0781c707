"""Labelled images: class folders, or a CSV with `file,label[,split]`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dilo.data.sources import find_root, read_rows
from dilo.errors import InputError, shortened
from dilo.folder import list_images

Split = Literal["train", "val"]
SPLIT_NAMES = ("train", "val", "test")
# The first of these that the header has holds the class; ImageNet lists say wnid.
LABEL_COLUMNS = ("label", "wnid", "class")
# Which folder or mark holds a split: the first of these that there is.
_ACCEPTED: dict[Split, tuple[str, ...]] = {"train": ("train",), "val": ("val", "test")}


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
    training, validation = read_labels(train, "train"), read_labels(val, "val")
    shared = set(training.paths()) & set(validation.paths())
    if shared:
        raise InputError(
            f"{min(shared)}: is among the training images and the val images, as are "
            f"{len(shared) - 1} others; scores would be of no use. Give different "
            "folders, or a CSV with a column split"
        )
    return training, validation.with_classes(training.classes)


def read_labels(source: Path, split: Split) -> LabelledImages:
    """Read one split of a labelled data set.

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


def _read_folders(source: Path, split: Split) -> LabelledImages:
    """Read class folders, below train/ or val/ where the folder holds splits."""
    inside = {path.name for path in source.iterdir() if path.is_dir()}
    splits = {name for name in inside if not name.startswith(".")}
    root = source
    if splits and splits <= set(SPLIT_NAMES):
        found = next((name for name in _ACCEPTED[split] if name in splits), None)
        if found is None:
            raise InputError(
                f"{source}: has no {split} folder, only {', '.join(splits)}"
            )
        root = source / found
    names = list_images(root)
    loose = [name for name in names if "/" not in name]
    if loose:
        raise InputError(
            f"{root / loose[0]}: lies beside the class folders; put every image into "
            "the folder of its class, or list the images in a CSV with file,label"
        )
    return _index(root, names, [name.split("/")[0] for name in names])


def _read_table(table: Path, split: Split) -> LabelledImages:
    rows = list(read_rows(table, LABEL_COLUMNS, optional="split"))
    for line, (_, _, *marks) in rows:
        if marks and marks[0] not in SPLIT_NAMES:
            raise InputError(
                f"{table}, line {line}: split must be one of "
                f"{', '.join(SPLIT_NAMES)}, got {marks[0]!r}"
            )
    marked = {texts[2] for _, texts in rows if texts[2:]}
    if marked:
        wanted = next((name for name in _ACCEPTED[split] if name in marked), None)
        rows = [row for row in rows if row[1][2] == wanted]
    if not rows:
        raise InputError(f"{table}: no row has {split!r} in the column split")
    root = find_root(table, [(line, texts[0]) for line, texts in rows])
    return _index(root, *zip(*(texts[:2] for _, texts in rows), strict=True))


def _index(root: Path, names: Sequence[str], labels: Sequence[str]) -> LabelledImages:
    classes, numbers = np.unique(labels, return_inverse=True)
    return LabelledImages(
        root=root, names=tuple(names), labels=numbers, classes=tuple(classes.tolist())
    )
