"""Mine backgrounds from the data set itself: crops without saliency response.

The rule: of an image whose map holds a foreground, the largest square is taken in which
no pixel of the map exceeds a threshold, if it is at least a share of the image's short
side. A map without any foreground says nothing about where the background is, for
methods fail that way too; its image is passed over.

Source: paper, section 5.2, Table 2c ("crops of ImageNet without saliency response"; its
threshold and yield are not told).
"""

import functools
import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from dilo.augment.alpha import check_alpha
from dilo.augment.crop import Box
from dilo.config import SHARE, check, difference, setting, to_dict, within
from dilo.cores import in_threads
from dilo.data.image_set import fit_aspect, reduce_short_side
from dilo.errors import DiloError, InputError, StoreError, shortened
from dilo.files import write_atomic, write_json_atomic
from dilo.folder import list_images
from dilo.image import Image, Map, check_image, read_image
from dilo.kernel_cache import njit
from dilo.masks import MaskStore, check_images
from dilo.progress import Progress

MANIFEST = "bank.json"
LEAST_SIDE = 32  # pixels; a smaller crop would be a blur behind the object
LONGEST_NAME = 255  # bytes, in most file systems
LEAST_CROPS = 100  # below, the same backgrounds come back too often


@dataclass(frozen=True, kw_only=True)
class MiningConfig:
    """What counts as a crop without saliency response, and how it is kept."""

    # On RBD maps of DUTS-TR: of 77 % of the images a crop; one in seven shows more than
    # 1 % of true foreground. At 0.1 it is 83 % and one in five, at 0.02 69 % and one in
    # ten (benchmarks/mining.py).
    threshold: float = setting(0.05, SHARE)
    """The largest value of the map inside a crop; higher finds more crops, with more of
    the objects in them."""

    # At 0.5 only 12 % of the images have a crop.
    min_side: float = setting(0.3, SHARE)
    """Least side of a crop, as a share of the image's short side."""

    side: int = setting(256, within(LEAST_SIDE, 4096))
    """Larger crops are reduced to this, in pixels."""

    quality: int = setting(92, within(1, 100))
    """Of the JPEG files, up to 100."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class MiningReport:
    """What became of every image."""

    bank: Path
    images: int
    crops: int
    no_map: int  # without a map, or with one that holds no foreground
    no_room: int  # without a square that is empty and large enough
    failures: dict[str, str]

    def summary(self) -> str:
        """Say it in a few lines."""
        mapped = self.images - self.no_map - len(self.failures)
        share = 100 * self.crops / max(mapped, 1)
        lines = [
            f"{self.crops} background crops in {self.bank}, of {share:.0f} % of the "
            f"{mapped} images with a foreground map"
        ]
        if self.no_map:
            lines.append(f"{self.no_map} images have no map or no foreground in it")
        lines += [f"  {reason}" for reason in shortened(self.failures.values())]
        if self.crops < LEAST_CROPS:
            lines.append(
                f"fewer than {LEAST_CROPS} crops will come back often; a higher "
                "threshold or a smaller min_side finds more"
            )
        return "\n".join(lines)


# What all crops of a bank have in common, as it stands in `bank.json`: the config, and
# under "masks" how the maps were made that say where the background is.
Origin = Mapping[str, Any]


def _check_bank(bank: Path, origin: Origin) -> None:
    """Refuse a folder that holds something else; claim a free one."""
    path = bank / MANIFEST
    if path.is_file():
        differences = difference(_read_origin(path), origin)
        if not differences:
            return
        # Where another one has found nothing, there is nothing to be mixed up.
        if any(bank.rglob("*.jpg")):
            raise StoreError(
                f"{bank}: was mined in another way ({'; '.join(differences)}); "
                "give a new folder"
            )
    elif bank.exists() and (not bank.is_dir() or any(bank.iterdir())):
        raise StoreError(f"{bank}: holds other files; give a new folder")
    write_json_atomic(path, origin)


def _read_origin(path: Path) -> Origin:
    try:
        content = json.loads(path.read_text())
        return {name: dict(content[name]) for name in ("config", "masks")}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: damaged; delete the folder") from error


def mine_backgrounds(
    images: Path, masks: MaskStore, bank: Path, config: MiningConfig
) -> MiningReport:
    """Fill a folder with background crops, a/b.jpg giving a/b.jpg.jpg.

    Called again, it goes on with the images that have none yet.

    Args:
        images: folder of photographs, at any depth.
        masks: their maps.
        bank: new folder, or the one of an interrupted call with the same config, and
            with maps that were made in the same way.
        config: which crops, and how they are kept.

    Raises:
        InputError: there are no images, or not one crop can be found.
        StoreError: not one image has a map, or the bank holds other things.
        OSError: the bank cannot be written.
    """
    names = list_images(images)
    if not any(name in masks for name in names):
        raise StoreError(
            f"{masks.folder}: holds no map of an image below {images} (such as "
            f"{names[0]}); make them with `dilo masks {images} {masks.folder}`"
        )
    check_images(masks, images, names)
    made = {"method": None} if masks.origin is None else to_dict(masks.origin)
    origin = {"config": to_dict(config), "masks": made}
    _check_bank(bank, origin)
    mine = functools.partial(
        _mine_one, images=images, masks=masks, bank=bank, config=config
    )
    found: dict[str, int] = dict.fromkeys(("crop", "no_map", "no_room"), 0)
    failures: dict[str, str] = {}
    with Progress("mining", total=len(names), unit="images") as progress:
        for name, outcome in in_threads(mine, names, None):
            if isinstance(outcome, DiloError):
                failures[name] = str(outcome)
            else:
                found[outcome] += 1
            progress.advance()
    report = MiningReport(
        bank=bank,
        images=len(names),
        crops=found["crop"],
        no_map=found["no_map"],
        no_room=found["no_room"],
        failures=failures,
    )
    if not report.crops:
        raise InputError(
            f"{images}: no background crop in {len(names)} images; a higher threshold "
            f"than {config.threshold} or a smaller min_side than {config.min_side} "
            "finds more"
        )
    yields = {key: value for key, value in to_dict(report).items() if key != "bank"}
    write_json_atomic(bank / MANIFEST, {**origin, **yields})
    return report


def empty_square(saliency: Map, threshold: float) -> Box:
    """Find the largest square of a map in which nothing exceeds `threshold`.

    Returns:
        The square, in pixels of the map; of side 0 if every pixel exceeds it.

    Raises:
        InputError: `saliency` is no map.
    """
    check_alpha(saliency)
    free = np.ascontiguousarray(saliency <= threshold)
    bottom, right, side = _largest_square(free)
    return Box(top=bottom - side, left=right - side, height=side, width=side)


def cut_background(image: Image, saliency: Map, config: MiningConfig) -> Image | None:
    """Cut the largest square without saliency response; None if it is too small.

    Args:
        image: uint8 (H, W, 3).
        saliency: its map, of the same aspect at any size.
        config: which crops.

    Raises:
        InputError: `image` is no Image, or `saliency` no map.
    """
    check_image(image)
    box = find_background((image.shape[0], image.shape[1]), saliency, config)
    if box is None:
        return None
    cut = image[box.top : box.top + box.height, box.left : box.left + box.width]
    return reduce_short_side(cut, config.side)


def find_background(
    shape: tuple[int, int], saliency: Map, config: MiningConfig
) -> Box | None:
    """Find what `cut_background` cuts, in pixels of an image of height and width."""
    square = empty_square(saliency, config.threshold)
    height, width = shape
    rows, columns = height / saliency.shape[0], width / saliency.shape[1]
    top, left = int(np.ceil(square.top * rows)), int(np.ceil(square.left * columns))
    side = min(
        int((square.top + square.height) * rows) - top,
        int((square.left + square.width) * columns) - left,
    )
    if side < max(LEAST_SIDE, config.min_side * min(height, width)):
        return None
    return Box(top=top, left=left, height=side, width=side)


def _crop_path(bank: Path, name: str) -> Path:
    """Name the crop of an image; one whose name is as long as can be gets a digest."""
    path = bank / f"{name}.jpg"
    if len(os.fsencode(path.name)) <= LONGEST_NAME:
        return path
    return path.with_name(hashlib.blake2b(os.fsencode(path.name)).hexdigest() + ".jpg")


def _mine_one(
    name: str, images: Path, masks: MaskStore, bank: Path, config: MiningConfig
) -> str:
    """Say what became of an image: a key of `found`."""
    path = _crop_path(bank, name)
    if path.exists():
        return "crop"
    if name not in masks or masks.is_empty(name):
        return "no_map"
    saliency = masks.stored(name)
    side = empty_square(saliency, config.threshold).height
    if side < config.min_side * min(saliency.shape) - 1:
        return "no_room"  # known without reading the image
    image = read_image(images / name)
    saliency = fit_aspect(name, image, saliency, square=masks.square)
    crop = cut_background(image, saliency, config)
    if crop is None:
        return "no_room"
    buffer = io.BytesIO()
    PIL.Image.fromarray(crop).save(buffer, "JPEG", quality=config.quality)
    write_atomic(path, buffer.getvalue(), durable=False)
    return "crop"


@njit(nogil=True)
def _largest_square(free: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Give bottom and right (exclusive) and side of the largest square of True."""
    height, width = free.shape
    # Side of the largest square that ends at each pixel of the row above.
    above = np.zeros(width + 1, np.int32)
    best_bottom, best_right, best = 0, 0, 0
    for y in range(height):
        diagonal = 0
        for x in range(width):
            upper = above[x + 1]
            if free[y, x]:
                above[x + 1] = min(diagonal, upper, above[x]) + 1
                if above[x + 1] > best:
                    best_bottom, best_right, best = y + 1, x + 1, above[x + 1]
            else:
                above[x + 1] = 0
            diagonal = upper
    return best_bottom, best_right, best
