"""A contact sheet: maps, composites and views, to look at before a long training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from dilo.augment import (
    BACKGROUNDS,
    BLENDINGS,
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
from dilo.data.image_set import SourceSet, check_aspect, resize_map
from dilo.data.sources import ImageFiles
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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Place:
    """An image's place in the data set, and what backgrounds are made of there."""

    name: str
    index: int
    sources: BackgroundSources


def preview(
    images: Path, masks: MaskStore, out: Path, config: PreviewConfig
) -> Mapping[str, str]:
    """Write a contact sheet of some images as PNG, atomically.

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
    out = Path(out)
    if out.suffix.lower() != ".png" or out.is_dir():
        raise InputError(f"--out must be a .png file, got {out}")
    sheet, failures = contact_sheet(images, masks, config)
    write_atomic(out, encode_image(sheet))
    return failures


def contact_sheet(
    images: Path, masks: MaskStore, config: PreviewConfig
) -> tuple[Image, Mapping[str, str]]:
    """Draw the sheet that `preview` writes, uint8 (H, W, 3); give what it returns too.

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
    sources = _open_sources(images, names, masks, config)
    rows: list[SheetRow] = []
    for index in chosen:
        place = _Place(
            name=names[index], index=index, sources=replace(sources, index=index)
        )
        rows += _rows(images / names[index], place, masks, config)
    heads = ["image, map,", "views"] + [""] * (_left_columns() - 2)
    heads += [f"on {name}" for name in BACKGROUNDS]
    return draw_sheet(heads, rows), sources.take_failures()


def _left_columns() -> int:
    """Columns left of the composites, of as many lines as there are blendings."""
    return max(2, -(-(3 + VIEWS) // len(BLENDINGS)))


def _open_sources(
    images: Path, names: Sequence[str], masks: MaskStore, config: PreviewConfig
) -> BackgroundSources:
    def find_map(name: str) -> Map | None:
        found = masks.foreground(name)
        return found.saliency if found else None

    others = SourceSet(source=ImageFiles(images, names), find_map=find_map)
    return open_sources(config.view.copy_paste, others)


def _rows(
    path: Path, place: _Place, masks: MaskStore, config: PreviewConfig
) -> list[SheetRow]:
    """One row for each blending; beside them, what else there is to see."""
    name = place.name
    try:
        image = read_image(path)
    except ImageError as error:
        cells = [Cell(note="not readable")]
        return [SheetRow(label=printable(str(error)), cells=cells)]
    subject = _subject(name, image, masks, config)
    height, width = image.shape[:2]
    parts = [name, f"{width} x {height}", subject.reason]
    if subject.alpha is not None:
        parts.append(f"{100 * subject.alpha.mean():.0f} % pasted")
    label = "   ".join(printable(part) for part in parts if part)
    beside = [
        Cell(image=subject.image, note="image"),
        *_map_cells(subject),
        *_views(image, subject, place, config),
    ]
    composites = _composites(subject, place, config)
    columns = _left_columns()
    rows = []
    for number, blending in enumerate(BLENDINGS):
        left = beside[number * columns : (number + 1) * columns]
        left += [Cell(note="")] * (columns - len(left))
        rows.append(
            SheetRow(
                label=f"{label}   blending {blending}",
                cells=[*left, *composites[number]],
            )
        )
    return rows


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
    map_cell = Cell(image=grey(subject.saliency), note=subject.note or "map")
    if subject.alpha is None:
        return [map_cell, Cell(note="nothing pasted")]
    hot = heat(subject.image, subject.alpha)
    return [map_cell, Cell(image=hot, note="what is pasted")]


def _composites(
    subject: _Subject, place: _Place, config: PreviewConfig
) -> list[list[Cell]]:
    """The foreground with every blending (a row) on every background (a column)."""
    if subject.alpha is None:
        return [[Cell(image=subject.image, note=KEPT)] * len(BACKGROUNDS)] * len(
            BLENDINGS
        )
    image, alpha, sources = subject.image, subject.alpha, place.sources
    rows: list[list[Cell]] = [[] for _ in BLENDINGS]
    for number, (name, paint) in enumerate(BACKGROUNDS.items()):
        # Blendings are to be compared: each has the same background.
        rng = np.random.default_rng((config.seed, place.index, number))
        if (field := FOLDERS.get(name)) and getattr(sources, field) is None:
            for row in rows:
                row.append(Cell(note=f"needs --{field}"))
            continue
        try:
            background = paint(rng, image.shape[:2], image, alpha, sources)
        except (InputError, ImageError) as error:
            for row in rows:
                row.append(Cell(note=printable(str(error))))
            continue
        for row, blend in zip(rows, BLENDINGS.values(), strict=True):
            soft = blend(rng, alpha, config.view.copy_paste.blur)
            row.append(Cell(image=composite(image, soft, background)))
    return rows


def _views(
    image: Image, subject: _Subject, place: _Place, config: PreviewConfig
) -> list[Cell]:
    """Training views as the first epochs would make them, pasted or not."""
    # As high as the other pictures of the row, but never too small to see.
    side = min(*image.shape[:2], max(subject.image.shape[0], CELL // 2))
    saliency = None if subject.alpha is None else subject.saliency
    shape = (image.shape[0], image.shape[1])
    cells = []
    for epoch in range(VIEWS):
        rng = view_rng(config.seed, epoch, place.index)
        drawn = draw_view(shape, config.view, rng, saliency=saliency)
        pasting = config.view.copy_paste
        view = apply_view(image, saliency, side, drawn, pasting, place.sources)
        cells.append(Cell(image=view, note=f"training view {epoch + 1}"))
    return cells
