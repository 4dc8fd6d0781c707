"""A contact sheet: maps, composites and views, to look at before a long training."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dilo.augment import (
    BACKGROUNDS,
    BLENDINGS,
    ViewConfig,
    composite,
    map_to_alpha,
    train_view,
    view_rng,
)
from dilo.data.image_set import check_aspect, resize_map
from dilo.diagnose.choice import draw_indices
from dilo.diagnose.pictures import fit, grey, heat
from dilo.diagnose.sheet import CELL, Cell, SheetRow, draw_sheet, printable
from dilo.errors import ImageError, InputError, StoreError
from dilo.files import write_atomic
from dilo.folder import list_images
from dilo.image import Image, Map, encode_image, read_image
from dilo.masks import MaskStore

VIEWS = 3
KEPT = "original kept"


@dataclass(frozen=True, kw_only=True)
class PreviewConfig:
    """Which images are shown, and with which augmentation."""

    count: int = 8
    seed: int = 0  # of the choice of images, the backgrounds and the views
    view: ViewConfig = field(default_factory=ViewConfig)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Subject:
    """An image in the size of a cell, and what is known of its foreground."""

    image: Image  # reduced
    saliency: Map | None = None  # its map, of the same size
    alpha: Map | None = None  # None: the image is never pasted
    note: str = ""  # why not, in a word or two
    reason: str = ""  # and in full


def preview(images: Path, masks: MaskStore, out: Path, config: PreviewConfig) -> None:
    """Write a contact sheet of some images as PNG, atomically.

    Args:
        images: folder of photographs, at any depth.
        masks: their maps.
        out: the file to write, *.png.
        config: which images, and how they are shown.

    Raises:
        InputError: `out` is no .png file, a setting is unusable, or there are no
            images.
        StoreError: not one image has a map.
        OSError: the file cannot be written.
    """
    out = Path(out)
    if out.suffix.lower() != ".png" or out.is_dir():
        raise InputError(f"--out must be a .png file, got {out}")
    write_atomic(out, encode_image(contact_sheet(images, masks, config)))


def contact_sheet(images: Path, masks: MaskStore, config: PreviewConfig) -> Image:
    """Draw the contact sheet that `preview` writes: uint8 (H, W, 3).

    An image that cannot be read, has no map or no foreground is shown as such.

    Raises:
        InputError: a setting is unusable, or there are no images.
        StoreError: not one image has a map.
    """
    images = Path(images)
    names = list_images(images)
    if not any(name in masks for name in names):
        raise StoreError(
            f"{masks.folder}: holds no map of an image below {images} (such as "
            f"{names[0]}); make them with `dilo masks {images} {masks.folder}`"
        )
    chosen = draw_indices(len(names), config.count, config.seed)
    rows = [_row(images, names[index], index, masks, config) for index in chosen]
    heads = ["image", "map", "heat: what\nis pasted"]
    heads += [
        f"on {background},\nblending {blending}"
        for background in BACKGROUNDS
        for blending in BLENDINGS
    ]
    heads += [f"training\nview {number + 1}" for number in range(VIEWS)]
    return draw_sheet(heads, rows)


def _row(
    images: Path, name: str, index: int, masks: MaskStore, config: PreviewConfig
) -> SheetRow:
    try:
        image = read_image(images / name)
    except ImageError as error:
        return SheetRow(label=printable(str(error)), cells=[Cell(note="not readable")])
    subject = _subject(name, image, masks, config)
    height, width = image.shape[:2]
    parts = [name, f"{width} x {height}", subject.reason]
    if subject.alpha is not None:
        parts.append(f"{100 * subject.alpha.mean():.0f} % pasted")
    cells = [
        Cell(image=subject.image),
        *_map_cells(subject),
        *_composites(subject, index, config.seed),
        *_views(image, subject, index, config),
    ]
    label = "   ".join(printable(part) for part in parts if part)
    return SheetRow(label=label, cells=cells)


def _subject(
    name: str, image: Image, masks: MaskStore, config: PreviewConfig
) -> _Subject:
    reduced = fit(image, CELL)
    if name not in masks:
        reason = masks.failures.get(name, "")
        return _Subject(image=reduced, note="no map", reason=reason)
    try:
        saliency = masks[name]
        check_aspect(name, image, saliency)
    except (StoreError, ImageError) as error:
        return _Subject(image=reduced, note="unusable map", reason=str(error))
    # Rounding in the resampling may leave [0, 1] by a hair.
    saliency = resize_map(saliency, *reduced.shape[:2])
    if masks.is_empty(name):
        return _Subject(image=reduced, saliency=saliency, note="no foreground")
    alpha = map_to_alpha(saliency, config.view.copy_paste)
    return _Subject(image=reduced, saliency=saliency, alpha=alpha)


def _map_cells(subject: _Subject) -> list[Cell]:
    if subject.saliency is None:
        return [Cell(note=subject.note)] * 2
    map_cell = Cell(image=grey(subject.saliency), note=subject.note)
    if subject.alpha is None:
        return [map_cell, Cell(note="nothing pasted")]
    return [map_cell, Cell(image=heat(subject.image, subject.alpha))]


def _composites(subject: _Subject, index: int, seed: int) -> list[Cell]:
    """The foreground on every background with every blending."""
    if subject.alpha is None:
        return [Cell(image=subject.image, note=KEPT)] * (
            len(BACKGROUNDS) * len(BLENDINGS)
        )
    cells = []
    for number, paint in enumerate(BACKGROUNDS.values()):
        # Blendings are to be compared: each has the same background.
        rng = np.random.default_rng((seed, index, number))
        background = paint(rng, *subject.image.shape[:2])
        for blend in BLENDINGS.values():
            alpha = blend(rng, subject.alpha)
            cells.append(Cell(image=composite(subject.image, alpha, background)))
    return cells


def _views(
    image: Image, subject: _Subject, index: int, config: PreviewConfig
) -> list[Cell]:
    """Training views as the first epochs would make them, pasted or not."""
    # As high as the other pictures of the row, but never too small to see.
    side = min(*image.shape[:2], max(subject.image.shape[0], CELL // 2))
    saliency = None
    if subject.alpha is not None and subject.saliency is not None:
        saliency = resize_map(subject.saliency, *image.shape[:2])
    return [
        Cell(
            image=train_view(
                image, saliency, side, config.view, view_rng(config.seed, epoch, index)
            )
        )
        for epoch in range(VIEWS)
    ]
