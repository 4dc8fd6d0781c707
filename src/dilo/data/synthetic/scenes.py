"""Scenes: one object before one background, with its exact mask and its class."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from dilo.data.synthetic import landscapes, surfaces
from dilo.data.synthetic.drawing import Draw, grid, mix
from dilo.data.synthetic.objects import CLASSES, OBJECTS
from dilo.data.synthetic.render import render
from dilo.errors import InputError
from dilo.files import write_atomic
from dilo.image import Image, encode_image

# Every function of these two modules paints the kind of background of its name.
PAINTERS = {
    name: paint
    for module in (landscapes, surfaces)
    for name, paint in vars(module).items()
    if getattr(paint, "__module__", "") == module.__name__
}
BACKGROUNDS: tuple[str, ...] = tuple(PAINTERS)

# Objects are in focus, what is behind them often is not; as a share of the size.
MAX_BLUR = 0.018
# Share of its brightness that a patch gains or loses at most. This, the litter and the
# fading of objects make classical saliency about as hard as it is on photographs.
SHADE = 0.5

COLUMNS = ("file", "label", "split", "background")

# Scenes of two splits of one series are never the same ones.
SPLIT_STARTS: dict[str, int] = {"train": 0, "val": 1_000_000, "test": 2_000_000}

# Streams of one scene: a change of one leaves what the others draw as it is.
_OBJECT, _BACKGROUND, _CHOICE, _ORDER = range(4)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """What a series of scenes looks like; scene `index` depends on nothing else."""

    size: int = 64  # pixels, both ways
    seed: int = 0
    # probability that the background is of a kind that belongs to the class; else it
    # is any kind. 0: the background tells nothing about the class
    correlation: float = 0.0
    classes: int = 10  # the first so many of CLASSES

    def __post_init__(self) -> None:
        if self.size < 16:
            raise InputError(f"size must be at least 16 pixels, got {self.size}")
        if self.seed < 0:
            raise InputError(f"seed must not be negative, got {self.seed}")
        if not 0 <= self.correlation <= 1:
            raise InputError(f"correlation must be in [0, 1], got {self.correlation}")
        if not 2 <= self.classes <= len(CLASSES):
            raise InputError(
                f"classes must be from 2 to {len(CLASSES)}, got {self.classes}"
            )


class Scene(NamedTuple):
    """One picture and all that is known about it."""

    image: Image  # uint8 (S, S, 3)
    mask: NDArray[np.bool_]  # (S, S): the object covers half of the pixel or more
    label: int  # index into CLASSES
    background: int  # index into BACKGROUNDS
    backdrop: Image  # uint8 (S, S, 3): the background before the object came


def make_scene(config: SceneConfig, index: int, background: str | None = None) -> Scene:
    """Make scene `index` of the series, alike whatever was made before it.

    The image equals the backdrop wherever the object does not reach; on the rim of
    the object, less than a pixel wide, it blends into it.

    Args:
        config: the series.
        index: number of the scene, from 0. Labels are balanced: each run of
            `config.classes` scenes shows every class once.
        background: put the same object before this kind, one of `BACKGROUNDS`.

    Raises:
        InputError: `index` is negative, or there is no such background.
    """
    if index < 0:
        raise InputError(f"index must not be negative, got {index}")
    label = scene_label(config, index)
    kind = _background_kind(config, index, label) if background is None else background
    stream = _stream(config, index, _BACKGROUND)
    backdrop = paint_background(kind, config.size, stream)
    stream = _stream(config, index, _OBJECT)
    thing = OBJECTS[CLASSES[label]]
    parts = thing.draw(stream)
    colours, coverage = render(parts, config.size, thing.max_turn, stream)
    picture = mix(backdrop.astype(np.float32), colours, coverage)
    image = np.rint(picture).clip(0, 255).astype(np.uint8)
    return Scene(image, coverage >= 0.5, label, BACKGROUNDS.index(kind), backdrop)


def scene_label(config: SceneConfig, index: int) -> int:
    """Give the label of scene `index` without painting it."""
    round_, place = divmod(index, config.classes)
    order = _stream(config, round_, _ORDER).permutation(config.classes)
    return int(order[place])


def _background_kind(config: SceneConfig, index: int, label: int) -> str:
    """Draw the kind; more correlation turns some scenes to own kinds, none back."""
    stream = _stream(config, index, _CHOICE)
    chance = stream.random()
    own = OBJECTS[CLASSES[label]].backgrounds
    own_kind = own[int(stream.integers(len(own)))]
    any_kind = BACKGROUNDS[int(stream.integers(len(BACKGROUNDS)))]
    return own_kind if chance < config.correlation else any_kind


def _stream(config: SceneConfig, index: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng((config.seed, index, purpose))


def paint_background(kind: str, size: int, rng: np.random.Generator) -> Image:
    """Paint a background alone, uint8 (S, S, 3).

    Args:
        kind: one of `BACKGROUNDS`.
        size: S, in pixels.
        rng: draws palette, layout and blur.

    Raises:
        InputError: there is no such kind, or `size` is below 8.
    """
    if kind not in PAINTERS:
        raise InputError(f"background is one of {', '.join(BACKGROUNDS)}, got {kind!r}")
    if size < 8:
        raise InputError(f"size must be at least 8 pixels, got {size}")
    blur = rng.uniform(0, MAX_BLUR) * size
    exposure = rng.uniform(0.85, 1.1)
    draw = Draw(rng, size)
    picture = PAINTERS[kind](draw, *grid(size))
    cells = int(rng.integers(2, 5))
    patches = (draw.noise((cells, cells), 3) * 2.5).clip(-1, 1)
    picture = picture * (1 + np.float32(rng.uniform(0, SHADE)) * patches)[..., None]
    picture = picture * np.float32(255 * exposure)
    if blur > 0.3:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.float32)
    return np.rint(picture).clip(0, 255).astype(np.uint8)


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
        mask = io.BytesIO()
        PIL.Image.fromarray(scene.mask).save(mask, "PNG")
        write_atomic(folder / "masks" / name, mask.getvalue(), durable=False)
        label, background = CLASSES[scene.label], BACKGROUNDS[scene.background]
        rows[name] = dict(zip(COLUMNS, (name, label, split, background), strict=True))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[name] for name in sorted(rows))
    write_atomic(folder / "labels.csv", text.getvalue().encode())


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
