"""Write scenes as a folder of photographs, masks and labels."""

import csv
import io
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from dilo.data.synthetic.backgrounds import BACKGROUNDS
from dilo.data.synthetic.objects import CLASSES
from dilo.data.synthetic.scene import SceneConfig, make_scene
from dilo.errors import InputError
from dilo.files import write_atomic
from dilo.image import encode_image

COLUMNS = ("file", "label", "split", "background")

# Scenes of two splits of one series are never the same ones.
SPLIT_STARTS: dict[str, int] = {"train": 0, "val": 1_000_000, "test": 2_000_000}


def write_scenes(
    folder: Path, config: SceneConfig, count: int, split: str = "train"
) -> None:
    """Write images/NAME.png, masks/NAME.png (1 bit) and their rows of labels.csv.

    labels.csv has the columns file (below images), label, split and background, both
    as names. Rows of other splits are kept; writing the same again changes no byte.

    Args:
        folder: made if missing.
        config: the series of scenes.
        count: how many; the first is number `SPLIT_STARTS[split]` of the series.
        split: one of `SPLIT_STARTS`.

    Raises:
        InputError: `count` or `split` is unusable, or `folder` holds a labels.csv
            that this function did not write, or more scenes of this split.
    """
    if split not in SPLIT_STARTS:
        raise InputError(f"split is one of {', '.join(SPLIT_STARTS)}, got {split!r}")
    if not 1 <= count <= SPLIT_STARTS["val"]:
        raise InputError(f"count must be from 1 to 1000000, got {count}")
    folder = Path(folder)
    rows = _read_rows(folder / "labels.csv")
    names = [f"{split}-{number:06d}.png" for number in range(count)]
    others = sum(row["split"] == split for row in rows.values())
    others -= sum(name in rows for name in names)
    if others:
        raise InputError(
            f"{folder}: holds {others} more scenes of split {split!r}; "
            "write to another folder"
        )
    for number, name in enumerate(names, SPLIT_STARTS[split]):
        scene = make_scene(config, number)
        write_atomic(folder / "images" / name, encode_image(scene.image), durable=False)
        write_atomic(folder / "masks" / name, _encode_mask(scene.mask), durable=False)
        label, background = CLASSES[scene.label], BACKGROUNDS[scene.background]
        rows[name] = dict(zip(COLUMNS, (name, label, split, background), strict=True))
    write_atomic(folder / "labels.csv", _encode_rows(rows))


def _read_rows(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise InputError(
                f"{path}: its columns are not {', '.join(COLUMNS)}; "
                "write to another folder"
            )
        return {row["file"]: row for row in reader}


def _encode_rows(rows: dict[str, dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[name] for name in sorted(rows))
    return text.getvalue().encode()


def _encode_mask(mask: NDArray[np.bool_]) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(mask).save(buffer, "PNG")
    return buffer.getvalue()
