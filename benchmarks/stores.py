"""Measure mask stores of the size of ImageNet: bytes, time of a fetch, memory of a job.

    python benchmarks/stores.py MASKS [MASKS ...]

MASKS are stores of the format png, such as `dilo masks` made; the first is repeated
under new names until there are enough maps. Takes about five minutes, a million
files and a gigabyte in the folder for temporary files.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dilo.folder import scan_images
from dilo.image import Map, encode_image
from dilo.masks import Layout, MaskStore, compute_masks
from dilo.masks.index import Index, Remaining
from dilo.masks.manifest import LARGEST_PART, Manifest, Origin
from dilo.masks.parts import Row, pack, part_path, stem, write_part
from record import record

IMAGENET = 1_281_167  # images of its training set
FETCHED = 100_000  # maps
LISTED = 1_000_000  # files
JOBS = (10_000, 1_000_000)  # images
LAYOUT = Layout(format="arrow")


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("masks", type=Path, nargs="+", help="mask stores")
    folders = parser.parse_args().masks
    figures: dict[str, Any] = {"bytes": {}}
    rows: list[Row] = []
    for folder in folders:
        packed = list(pack_store(MaskStore.open(folder)))
        figures["bytes"][folder.name] = measure_bytes(packed)
        rows = rows or packed
    measures: dict[str, Callable[[Path], dict[str, float]]] = {
        "fetch": partial(measure_fetch, rows=rows),
        "open": partial(measure_open, rows=rows),
        "listing": measure_listing,
        **{f"job of {count}": partial(measure_job, count=count) for count in JOBS},
    }
    for name, measure in measures.items():
        figures[name] = in_fresh_process(measure)
        print(name, figures[name], flush=True)
    print(record("stores", figures))


def pack_store(store: MaskStore) -> Iterator[Row]:
    """Yield the rows of a packed store with the maps of one of files."""
    for name in store.names():
        saliency = store[name]
        blob = pack(saliency, LAYOUT)
        height, width = saliency.shape
        yield Row(name, stem(name), height, width, 0.5, store.is_empty(name), blob)


def measure_bytes(rows: list[Row]) -> dict[str, float]:
    """Count bytes, with names as long as those of ImageNet."""
    with tempfile.TemporaryDirectory() as folder:
        build_store(Path(folder), rows, len(rows))
        total = sum(path.stat().st_size for path in Path(folder).glob("part-*"))
    maps = sum(len(row.blob or b"") for row in rows)
    return {
        "maps": len(rows),
        "bytes_of_a_map": maps / len(rows),
        "bytes_with_its_row": total / len(rows),
        "gigabytes_for_imagenet": total / len(rows) * IMAGENET / 1e9,
    }


def build_store(folder: Path, rows: list[Row], count: int) -> None:
    """Write a store of `count` maps, repeating those of `rows`."""
    Manifest(Origin(method="repeated"), LAYOUT).write(folder)
    for number, start in enumerate(range(0, count, LARGEST_PART)):
        some = [
            rows[place % len(rows)]._replace(
                name=imagenet_name(place), map_name=stem(imagenet_name(place))
            )
            for place in range(start, min(start + LARGEST_PART, count))
        ]
        write_part(part_path(folder, number), LAYOUT, some)


def imagenet_name(place: int) -> str:
    """Make up a name as long as those of ImageNet."""
    group = place // 1300
    return f"n{group:08d}/n{group:08d}_{place % 1300:05d}.JPEG"


def measure_fetch(folder: Path, rows: list[Row]) -> dict[str, float]:
    """Time lookups and maps in random order, in microseconds."""
    build_store(folder, rows, FETCHED)
    store = MaskStore.open(folder)
    order = np.random.default_rng(0).permutation(FETCHED)[:20_000]
    names = [imagenet_name(int(place)) for place in order]
    index = Index(folder, LAYOUT)

    def find(name: str) -> None:
        assert index.find(name) is not None

    for name in names:  # bring the pages into memory
        store.stored(name)
    return {
        "maps": FETCHED,
        "find_and_slice_us": microseconds(find, names),
        "stored_map_us": microseconds(store.stored, names),
        "map_at_image_size_us": microseconds(store.__getitem__, names),
    }


def measure_open(folder: Path, rows: list[Row]) -> dict[str, float]:
    """Open a store of as many maps as ImageNet has; their bytes are left out."""
    build_store(folder, [row._replace(blob=b"") for row in rows], IMAGENET)
    names = [imagenet_name(place) for place in range(0, IMAGENET, 101)]
    MaskStore.open(folder)  # imports, and brings the pages into memory
    with growth() as grown:
        store = MaskStore.open(folder)
    return {
        "maps": IMAGENET,
        "parts": len(list(folder.glob("part-*"))),
        "seconds": grown["seconds"],
        "private_megabytes": grown["private_megabytes"],
        "contains_us": microseconds(store.__contains__, names),
    }


def measure_listing(folder: Path) -> dict[str, float]:
    """List and plan a million files in a thousand folders."""
    for group in range(1000):
        (folder / f"n{group:08d}").mkdir()
        for place in range(LISTED // 1000):
            path = folder / f"n{group:08d}" / f"n{group:08d}_{place:05d}.JPEG"
            os.close(os.open(path, os.O_CREAT))
    with growth() as scanned:
        names = scan_images(folder)
    with growth() as planned:
        parts = sum(
            1 for _ in Remaining(names, Index(folder, LAYOUT)).parts(LARGEST_PART)
        )
    assert parts == -(-LISTED // LARGEST_PART)
    return {
        "files": LISTED,
        "scan_seconds": scanned["seconds"],
        "scan_megabytes": scanned["private_megabytes"],
        "plan_seconds": planned["seconds"],
        "plan_megabytes": planned["private_megabytes"],
    }


def measure_job(folder: Path, count: int) -> dict[str, float]:
    """Run a job on links to one small image: what is left is the job itself."""
    images = folder / "images"
    image = encode_image(np.zeros((8, 8, 3), np.uint8))
    for group in range(count // 1000):
        inside = images / f"n{group:08d}"
        inside.mkdir(parents=True)
        names = [f"n{group:08d}_{place:05d}.png" for place in range(1000)]
        (inside / names[0]).write_bytes(image)
        for name in names[1:]:
            os.link(inside / names[0], inside / name)
    few = MaskStore.create(folder / "few", "none", layout=LAYOUT)
    compute_masks(images / "n00000000", few, half, 2)  # imports
    store = MaskStore.create(folder / "masks", "none", layout=LAYOUT)
    with growth() as grown:
        compute_masks(images, store, half, 2)
    return {"images": count, **grown}


def half(path: Path) -> Map:
    """Stand in for a method: costs nothing."""
    return np.full((8, 8), 0.5, np.float32)


def microseconds(call: Callable[[str], object], names: list[str]) -> float:
    """Time a call by name: the best of three passes."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        for name in names:
            call(name)
        times.append((time.perf_counter() - start) / len(names))
    return min(times) * 1e6


@contextmanager
def growth() -> Iterator[dict[str, float]]:
    """Measure time, and by how much the peak and the private memory grow."""
    grown: dict[str, float] = {}
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, start = memory(), time.perf_counter()
    yield grown
    grown["seconds"] = time.perf_counter() - start
    after = memory()
    grown["peak_megabytes"] = (after["VmHWM"] - before["VmRSS"]) / 1e3
    grown["private_megabytes"] = (after["RssAnon"] - before["RssAnon"]) / 1e3


def memory() -> dict[str, float]:
    """Give the memory of this process, kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): float(value) for name, value, _ in fields}


def in_fresh_process(measure: Callable[[Path], dict[str, float]]) -> dict[str, float]:
    """Measure in a process of its own, with a folder of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        figures = pool.submit(in_temporary_folder, measure).result()
    return {key: round(value, 2) for key, value in figures.items()}


def in_temporary_folder(
    measure: Callable[[Path], dict[str, float]],
) -> dict[str, float]:
    """Measure in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))


if __name__ == "__main__":
    main()
