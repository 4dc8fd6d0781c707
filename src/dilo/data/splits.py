"""Which folder, or mark in a table, is which split, by whatever usual name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from dilo.errors import InputError, shortened
from dilo.folder import is_image_name, walk

Split = Literal["train", "val"]
_SPLITS = {
    "train": re.compile(r"train(ing)?"),
    "val": re.compile(r"val(id(ation)?)?|dev(el(opment)?)?|eval(uation)?"),
    "test": re.compile(r"test(ing)?"),
}
# Some add what every split has: train_images, val2017, Test Set.
_ENDING = re.compile(r"[ _-]*(set|split|data|images|imgs)?[ _-]*\d*")
_CSV = "or list the images in a CSV with file,label,split"


def split_called(name: str) -> str | None:
    """Tell train, val and test by their usual names; None: it is another name."""
    name = name.lower()
    for split, names in _SPLITS.items():
        start = names.match(name)
        if start and _ENDING.fullmatch(name, start.end()):
            return split
    return None


def choose_split(
    source: Path, split: Split, present: Mapping[str, str]
) -> tuple[str, list[str]]:
    """Choose which of the splits train, val and test to read; test can stand for val.

    Args:
        source: the folder or table, for messages.
        split: what is asked for.
        present: the splits that there are, with the names that they have there.

    Returns:
        A key of `present`, and what the user should be told.

    Raises:
        InputError: there is no such split.
    """
    if split == "val" and "val" not in present and "test" in present:
        return "test", [f"{source}: has no split val; takes {present['test']} for it"]
    if split not in present:
        seen = ", ".join(sorted(present.values()))
        raise InputError(
            f"{source}: has no split {split}, only {seen}; name one so, or give "
            "another folder or CSV"
        )
    unused = "val" in present and "test" in present
    notes = [f"{source}: leaves out {present['test']}"] if unused else []
    return split, notes


def find_split(source: Path, split: Split) -> tuple[Path, list[str]]:
    """Find the folder that holds the class folders of a split.

    Returns:
        The folder, `source` itself if it holds no splits, and what the user should be
        told.

    Raises:
        InputError: there is no such split, or splits and classes cannot be told apart.
    """
    folders = sorted(
        path.name
        for path in source.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )
    named: dict[str, list[str]] = {}
    for name in folders:
        named.setdefault(split_called(name) or "", []).append(name)
    others = [name for name in named.pop("", []) if _has_images(source / name)]
    if not named:
        return source, []
    if others and list(named) == ["train"] and _loose(source / named["train"][0]):
        note = f"takes {named['train'][0]} for a class, as it has no class folders"
        return source, [f"{source}: {note}"]
    _refuse_unclear(source, named, others)
    present = {kind: names[0] for kind, names in named.items()}
    chosen, notes = choose_split(source, split, present)
    if beside := [*others, *_loose(source)]:
        seen = ", ".join(shortened(beside, 5))
        splits = ", ".join(present.values())
        notes.append(f"{source}: passes over what lies beside {splits}: {seen}")
    return source / present[chosen], notes


def refuse_inner_splits(root: Path, names: Iterable[str]) -> None:
    """Refuse classes that hold splits, as in photos/cat/train/1.jpg.

    Raises:
        InputError: a class folder has a folder train and one of another split.
    """
    inner: dict[str, dict[str, str]] = {}  # class -> split -> folder
    pairs = {tuple(name.split("/")[:2]) for name in names if name.count("/") > 1}
    for label, folder in sorted(pairs):
        inner.setdefault(label, {})[split_called(folder) or ""] = folder
    for label, found in inner.items():
        splits = [found[each] for each in _SPLITS if each in found]
        if "train" in found and len(splits) > 1:
            raise InputError(
                f"{root / label}: is no class, for it holds the splits "
                f"{', '.join(splits)}; give this folder, {_CSV}"
            )


def _refuse_unclear(
    source: Path, named: Mapping[str, Sequence[str]], others: Sequence[str]
) -> None:
    for kind, names in named.items():
        if len(names) > 1:
            raise InputError(
                f"{source}: {', '.join(names)} are all names of the split {kind}; "
                f"keep one, {_CSV}"
            )
    if others and len(named) == 1:
        [[name]] = named.values()
        raise InputError(
            f"{source}: {name} is the name of a split, but beside it are "
            f"{', '.join(shortened(others, 5))}; give the folder that holds nothing "
            f"but class folders, {_CSV}"
        )


def _has_images(folder: Path) -> bool:
    return next(walk(folder, is_image_name), None) is not None


def _loose(folder: Path) -> list[str]:
    """List the images right in a folder."""
    return sorted(
        path.name
        for path in folder.iterdir()
        if is_image_name(path.name) and path.is_file()
    )
