"""A folder of photographs with two kinds of maps, as one small file.

The file is a zip of WebP pictures, reduced to the size that a training keeps in memory,
so that it can be carried to a machine that has a GPU and little else. Unpacked, it is a
data folder again: images/, masks/ (exact), rbd/ (estimated), labels.csv.
"""

import csv
import io
import json
import math
import os
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import PIL.Image

from dilo.config import to_dict
from dilo.data.image_set import fit_aspect, reduce_short_side, resize_map
from dilo.data.labels import read_train_val
from dilo.files import partial_path
from dilo.folder import list_images
from dilo.foreground import FOREGROUND
from dilo.image import Image, Map, read_image, read_map
from dilo.masks import MaskStore
from dilo.progress import Progress
from record import commit

SHORT_SIDE = 136  # pixels; the test view's central 119 then become 112
NOTES = "pack.json"
LABELS = "labels.csv"
EXACT, ESTIMATED = "masks", "rbd"

# Estimated maps are smooth, and compress best with some loss; exact masks are flat, and
# 16 levels hold their rims.
ENCODING: dict[str, dict[str, Any]] = {
    "images": {"quality": 70, "method": 6},
    ESTIMATED: {"quality": 60, "method": 4},
    EXACT: {"lossless": True, "method": 4},
}
LEVELS = {EXACT: 16, ESTIMATED: 256}
SLICE = 64  # images packed at a time


def write_pack(
    data: Path, masks: Path, pack: Path, limit: int | None = None
) -> dict[str, Any]:
    """Write the file `pack` and return its notes: sizes, and what was lost.

    Args:
        data: folder with images/, masks/ (exact) and labels.csv.
        masks: mask store of the images.
        pack: the file to write.
        limit: take only so many images, evenly over the list.

    Raises:
        DiloError: an image, a map or the labels cannot be read.
    """
    names = list_images(data / "images")
    names = names[:: max(1, len(names) // (limit or len(names)))][:limit]
    stores = {EXACT: MaskStore.open(data / EXACT), ESTIMATED: MaskStore.open(masks)}
    origin = stores[ESTIMATED].origin
    sizes: Counter[str] = Counter()
    losses: list[dict[str, float]] = []
    pack.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(pack)
    with zipfile.ZipFile(partial, "w") as archive:
        for name, small in _small_ones(data, names, stores):
            for kind, content in small.encoded.items():
                # ZipInfo's fixed date: the same images make the same entries.
                archive.writestr(zipfile.ZipInfo(f"{kind}/{webp(name)}"), content)
                sizes[kind] += len(content)
            losses.append(loss(small.pixels, small.encoded))
        notes = {
            "images": len(names),
            "short_side": SHORT_SIDE,
            "estimated": None if origin is None else to_dict(origin),
            "commit": commit(),
            "bytes": dict(sizes),
            "loss": _means(losses),
        }
        archive.writestr(zipfile.ZipInfo(LABELS), _labels(data, set(names)))
        archive.writestr(zipfile.ZipInfo(NOTES), json.dumps(notes, indent=2))
    partial.replace(pack)
    return notes


def unpack(pack: Path, folder: Path) -> Path:
    """Make the data folder of a pack below `folder`, or find the one made before."""
    data = folder / f"data-{zlib.crc32(pack.read_bytes()):08x}"
    if not data.exists():
        partial = partial_path(data)
        with zipfile.ZipFile(pack) as archive:
            archive.extractall(partial)
        partial.replace(data)
    return data


def read_notes(data: Path) -> dict[str, Any]:
    """Read what `write_pack` returned, from an unpacked folder."""
    return json.loads((data / NOTES).read_text())


def encode(kind: str, pixels: Image | Map) -> bytes:
    """Encode an Image, or a Map at its kind's number of levels, as WebP."""
    if pixels.ndim == 2:
        top = LEVELS[kind] - 1
        pixels = np.rint(np.rint(pixels * top) * (255 / top)).astype(np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "WEBP", **ENCODING[kind])
    return buffer.getvalue()


def loss(
    pixels: Mapping[str, Image | Map], encoded: Mapping[str, bytes]
) -> dict[str, float]:
    """Measure the PSNR of an image in dB, and each map's IoU and mean error."""
    error = read_image(encoded["images"]).astype(np.float64) - pixels["images"]
    squared = max(float(np.mean(error**2)), 1e-6)
    found = {"images PSNR": 10 * math.log10(255**2 / squared)}
    for kind in pixels.keys() & LEVELS.keys():
        before, after = pixels[kind], read_map(encoded[kind])
        found[f"{kind} mean error"] = float(np.abs(after - before).mean())
        was, is_now = before >= FOREGROUND, after >= FOREGROUND
        if was.any():
            found[f"{kind} IoU"] = float((was & is_now).sum() / (was | is_now).sum())
    return found


def webp(name: str) -> str:
    """Name an image in the pack."""
    return str(PurePosixPath(name).with_suffix(".webp"))


@dataclass(frozen=True, kw_only=True)
class _Small:
    """An image and its maps, reduced, before and after encoding."""

    pixels: dict[str, Image | Map]
    encoded: dict[str, bytes]


def _small_ones(
    data: Path, names: Sequence[str], stores: Mapping[str, MaskStore]
) -> Iterator[tuple[str, _Small]]:
    """Read, reduce and encode every image and the maps that it has."""

    def reduce(name: str) -> _Small:
        image = read_image(data / "images" / name)
        small = reduce_short_side(image, SHORT_SIDE)
        pixels: dict[str, Image | Map] = {"images": small}
        for kind, store in stores.items():
            if name in store:
                saliency = store[name]
                fit_aspect(name, image, saliency)
                pixels[kind] = resize_map(saliency, *small.shape[:2])
        encoded = {kind: encode(kind, array) for kind, array in pixels.items()}
        return _Small(pixels=pixels, encoded=encoded)

    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        Progress("packing", len(names), "images") as progress,
    ):
        # In slices: all of them made ahead would fill the memory.
        for start in range(0, len(names), SLICE):
            part = names[start : start + SLICE]
            for name, small in zip(part, pool.map(reduce, part), strict=True):
                yield name, small
                progress.advance()


def _means(entries: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average each figure over the entries that have it."""
    values: dict[str, list[float]] = defaultdict(list)
    for entry in entries:
        for key, value in entry.items():
            values[key].append(value)
    return {key: float(np.mean(values[key])) for key in sorted(values)}


def _labels(data: Path, names: set[str]) -> str:
    """List the labelled ones of the images with the packed names.

    In a part of the images a class may have none to train on; it is left out.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "label", "split"))
    parts = read_train_val(data / LABELS, data / LABELS)
    trained: set[int] = set()
    for split, part in zip(("train", "val"), parts, strict=True):
        for path, label in zip(part.paths(), part.labels.tolist(), strict=True):
            name = path.relative_to(data / "images").as_posix()
            if name not in names:
                continue
            if split == "train":
                trained.add(label)
            if label in trained:
                writer.writerow((webp(name), part.classes[label], split))
    return text.getvalue()
