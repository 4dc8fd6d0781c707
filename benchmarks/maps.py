"""Score the maps of every method against exact masks, on whole data sets.

    python benchmarks/maps.py ecssd=DATA/ecssd200 duts=DATA/duts --limit 1000 \
        --reference ecssd=REFERENCE/ecssd200

Each data set is a folder with images/ and masks/. Of one with more than --limit images
so many are drawn by a fixed seed. Every method is run at full size and at half size,
whatever size `estimate` would choose. A reference is a folder of the original programs'
maps, METHOD/NAME.png; then their scores and the correlation with ours are given too.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dilo.folder import list_images
from dilo.image import Image, Map, read_image, resize
from dilo.masks import MaskStore
from dilo.progress import Progress
from dilo.saliency import METHODS
from dilo.saliency.scoring import score_image, summarise
from dilo.saliency.working import shrink
from record import RESULTS, record


def draw(folder: Path, limit: int) -> list[str]:
    """List the images of a data set, or a fixed random part of them."""
    names = list_images(folder / "images")
    if len(names) <= limit:
        return names
    chosen = np.random.default_rng(0).choice(len(names), limit, replace=False)
    return [names[index] for index in sorted(chosen)]


def at_half_size(method: Callable[[Image], Map]) -> Callable[[Image], Map]:
    """Work on an image of half the sides; the map has the full size."""

    def half(image: Image) -> Map:
        height, width, _ = image.shape
        return resize(method(shrink(image, 2)), height, width)

    return half


def examine(
    folder: Path, names: list[str], method: Callable[[Image], Map], title: str
) -> dict[str, Any]:
    """Compute and score the maps of one method; CPU times of reading and of the map."""
    truth = MaskStore.open(folder / "masks")
    maps: dict[str, Map] = {}
    method(read_image(folder / "images" / names[0]))  # compile, or load what was
    reading = computing = 0.0
    with Progress(f"{folder.name} {title}", len(names), "images") as progress:
        for name in names:
            start = time.process_time()
            image: Image = read_image(folder / "images" / name)
            decoded = time.process_time()
            maps[name] = method(image)
            computing += time.process_time() - decoded
            reading += decoded - start
            progress.advance()
    return {
        **_scores(maps, truth),
        "cpu_ms": 1000 * computing / len(names),
        "reading_cpu_ms": 1000 * reading / len(names),
        "empty": sum(not saliency.any() for saliency in maps.values()),
        "maps": maps,
    }


def originals(reference: Path, method: str, names: list[str]) -> dict[str, Map]:
    """Read the original programs' maps; of the consensus, the mean of its parts."""
    parts = ("rbd", "gs", "mc") if method == "consensus" else (method,)
    stores = [MaskStore.open(reference / part) for part in parts]
    return {name: np.mean([store[name] for store in stores], axis=0) for name in names}


def compare(
    maps: Mapping[str, Map], theirs: Mapping[str, Map], folder: Path
) -> dict[str, Any]:
    """Score the original programs' maps, and correlate ours with them."""
    truth = MaskStore.open(folder / "masks")
    correlation = [_correlation(maps[name], theirs[name]) for name in maps]
    return {
        **_scores(theirs, truth),
        "correlation_median": float(np.median(correlation)),
        "correlation_5th_percentile": float(np.percentile(correlation, 5)),
    }


def _scores(maps: Mapping[str, Map], truth: MaskStore) -> dict[str, float]:
    images = [
        score_image(saliency, truth.mask(name)) for name, saliency in maps.items()
    ]
    return {"count": len(images), **summarise(images)}


def median_correlation(ours: Mapping[str, Map], theirs: Mapping[str, Map]) -> float:
    """Median over images of the correlation of two maps."""
    return float(np.median([_correlation(ours[name], theirs[name]) for name in ours]))


def _correlation(ours: Map, theirs: Map) -> float:
    if ours.std() == 0 or theirs.std() == 0:
        return float(np.array_equal(ours, theirs))
    return float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1])


def main() -> None:
    """Read the command line, score, and write maps.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--reference", nargs="*", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    words = parser.parse_args()
    cv2.setNumThreads(0)
    references = dict(item.split("=", 1) for item in words.reference)
    figures: dict[str, Any] = {}
    for name, folder in (item.split("=", 1) for item in words.sets):
        images = draw(Path(folder), words.limit)
        for method, whole in METHODS.items():
            half = examine(Path(folder), images, at_half_size(whole), f"{method} half")
            result = examine(Path(folder), images, whole, method)
            maps = result.pop("maps")
            figures[f"{name} {method}"] = result
            half_maps = half.pop("maps")
            half["correlation_with_full"] = median_correlation(half_maps, maps)
            figures[f"{name} {method}, half size"] = half
            if name in references:
                theirs = originals(Path(references[name]), method, images)
                compared = compare(maps, theirs, Path(folder))
                figures[f"{name} {method}, original program"] = compared
    for name, result in figures.items():
        print(name, {key: round(value, 4) for key, value in result.items()})
    print(record("maps", figures, words.out))


if __name__ == "__main__":
    main()
