"""A contact sheet: maps, composites and views, to look at before a long training."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from dilo.augment import (
    BACKGROUNDS,
    BLENDINGS,
    CopyPasteConfig,
    ViewConfig,
    apply_view,
    composite,
    draw_view,
    map_to_alpha,
    open_sources,
    view_rng,
)
from dilo.augment.background_sources import BackgroundSources
from dilo.augment.copy_paste import FOLDERS
from dilo.data.image_set import SourceSet, fit_aspect, resize_map
from dilo.data.sources import ImageFiles
from dilo.errors import ImageError, InputError, StoreError
from dilo.files import write_atomic
from dilo.folder import list_images
from dilo.image import Image, Map, encode_drawing, read_image
from dilo.masks import MaskStore, check_images
from dilo.report.pictures import draw_indices, fit, grey, heat
from dilo.report.sheet import CELL, Cell, SheetRow, draw_sheet

VIEWS = 3
# Left of the composites, which take a line for each blending.
LEFT_COLUMNS = max(2, -(-(3 + VIEWS) // len(BLENDINGS)))


@dataclass(frozen=True, kw_only=True)
class PreviewConfig:
    """Which images are shown, and with which augmentation."""

    count: int = 8
    seed: int = 0  # of the choice of images, the backgrounds and the views
    view: ViewConfig = field(default_factory=ViewConfig)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Entry:
    """An image of the sheet, and what is known of its foreground."""

    name: str
    index: int  # among all images
    image: Image
    reduced: Image  # to the size of a cell
    sources: BackgroundSources  # of this image
    saliency: Map | None = None  # its map, of the reduced size
    alpha: Map | None = None  # None: the image is never pasted
    note: str = ""  # why not, in a word or two
    reason: str = ""  # and in full


def preview(
    images: Path, masks: MaskStore, out: Path, config: PreviewConfig
) -> Mapping[str, str]:
    """Write a contact sheet of some images as PNG, atomically.

    An image that cannot be read, has no map or no foreground is shown as such.

    Args:
        images: folder of photographs, at any depth.
        masks: their maps.
        out: the file to write, *.png.
        config: which images, and how they are shown.

    Returns:
        Path -> reason of pictures for backgrounds that could not be read.

    Raises:
        InputError: `out` is no .png file, a setting is unusable, or there are no
            images.
        StoreError: not one image has a map.
        OSError: the file cannot be written.
    """
    if out.suffix.lower() != ".png" or out.is_dir():
        raise InputError(f"--out must be a .png file, got {out}")
    names = list_images(images)
    if not any(name in masks for name in names):
        raise StoreError(
            f"{masks.folder}: holds no map of an image below {images} (such as "
            f"{names[0]}); make them with `dilo masks {images} {masks.folder}`"
        )
    check_images(masks, images, names)
    source = ImageFiles(images, names)
    others = SourceSet(source=source, find_map=masks.foreground, square=masks.square)
    sources = open_sources(config.view.copy_paste, others)
    rows: list[SheetRow] = []
    for index in draw_indices(len(names), config.count, config.seed):
        try:
            image = read_image(images / names[index])
        except ImageError as error:
            unreadable = [Cell(note="not readable")]
            rows.append(SheetRow(label=str(error), cells=unreadable))
            continue
        entry = _Entry(
            name=names[index],
            index=index,
            image=image,
            reduced=fit(image, CELL),
            sources=replace(sources, index=index),
        )
        entry = _with_map(entry, masks, config.view.copy_paste)
        rows += _rows(entry, config)
    heads = ["image, map,", "views"] + [""] * (LEFT_COLUMNS - 2)
    heads += [f"on {name}" for name in BACKGROUNDS]
    write_atomic(out, encode_drawing(draw_sheet(heads, rows)))
    return sources.take_failures()


def _with_map(entry: _Entry, masks: MaskStore, config: CopyPasteConfig) -> _Entry:
    name = entry.name
    if name not in masks:
        return replace(entry, note="no map", reason=masks.failures.get(name, ""))
    try:
        saliency = fit_aspect(name, entry.image, masks[name], square=masks.square)
    except (StoreError, ImageError) as error:
        return replace(entry, note="unusable map", reason=str(error))
    # Rounding in the resampling may leave [0, 1] by a hair.
    saliency = resize_map(saliency, *entry.reduced.shape[:2])
    if masks.is_empty(name):
        return replace(entry, saliency=saliency, note="no foreground")
    return replace(entry, saliency=saliency, alpha=map_to_alpha(saliency, config))


def _rows(entry: _Entry, config: PreviewConfig) -> list[SheetRow]:
    """One row for each blending; beside them, what else there is to see."""
    height, width = entry.image.shape[:2]
    parts = [entry.name, f"{width} x {height}", entry.reason]
    if entry.alpha is not None:
        parts.append(f"{100 * entry.alpha.mean():.0f} % pasted")
    label = "   ".join(part for part in parts if part)
    beside = [
        Cell(image=entry.reduced, note="image"),
        *_map_cells(entry),
        *_views(entry, config),
    ]
    beside += [Cell()] * (LEFT_COLUMNS * len(BLENDINGS) - len(beside))
    columns = [_composites(entry, number, config) for number in range(len(BACKGROUNDS))]
    return [
        SheetRow(
            label=f"{label}   blending {blending}",
            cells=[*beside[LEFT_COLUMNS * number :][:LEFT_COLUMNS], *composites],
        )
        for number, (blending, *composites) in enumerate(
            zip(BLENDINGS, *columns, strict=True)
        )
    ]


def _map_cells(entry: _Entry) -> list[Cell]:
    if entry.saliency is None:
        return [Cell(note=entry.note)] * 2
    map_cell = Cell(image=grey(entry.saliency), note=entry.note or "map")
    if entry.alpha is None:
        return [map_cell, Cell(note="nothing pasted")]
    hot = heat(entry.reduced, entry.alpha)
    return [map_cell, Cell(image=hot, note="what is pasted")]


def _composites(entry: _Entry, number: int, config: PreviewConfig) -> list[Cell]:
    """The foreground on one of the backgrounds, by every blending."""
    image, alpha, name = entry.reduced, entry.alpha, list(BACKGROUNDS)[number]
    if alpha is None:
        return [Cell(image=image, note="original kept")] * len(BLENDINGS)
    if (folder := FOLDERS.get(name)) and getattr(entry.sources, folder) is None:
        return [Cell(note=f"needs --{folder}")] * len(BLENDINGS)
    # Blendings are to be compared: each has the same background.
    rng = np.random.default_rng((config.seed, entry.index, number))
    size = image.shape[:2]
    try:
        background = BACKGROUNDS[name](rng, size, image, alpha, entry.sources)
    except (InputError, ImageError) as error:
        return [Cell(note=str(error))] * len(BLENDINGS)
    blur = config.view.copy_paste.blur
    alphas = [blend(rng, alpha, blur) for blend in BLENDINGS.values()]
    return [Cell(image=composite(image, alpha, background)) for alpha in alphas]


def _views(entry: _Entry, config: PreviewConfig) -> list[Cell]:
    """Training views as the first epochs would make them, pasted or not."""
    # As high as the other pictures of the row, but never too small to see.
    height, width = entry.image.shape[:2]
    side = min(height, width, max(entry.reduced.shape[0], CELL // 2))
    saliency = None if entry.alpha is None else entry.saliency
    cells = []
    for epoch in range(VIEWS):
        rng = view_rng(config.seed, epoch, entry.index)
        drawn = draw_view((height, width), config.view, rng, saliency=saliency)
        pasting = config.view.copy_paste
        view = apply_view(entry.image, saliency, side, drawn, pasting, entry.sources)
        cells.append(Cell(image=view, note=f"training view {epoch + 1}"))
    return cells
