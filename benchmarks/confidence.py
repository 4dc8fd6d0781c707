"""Measure whether the confidence of a map tells how good the map is.

    python benchmarks/confidence.py \
        --maps "DUTS-TR, RBD=MASKS:DATA/duts/masks" \
               "ECSSD, GS=REFERENCE/gs:DATA/ecssd200/masks" \
        --without textures=DATA/textures scenes=DATA/scenes/val \
        --picture docs/images/confidence.png

Each set of maps is NAME=STORE:TRUTH, two folders. Each folder of `--without` holds
images without an object, of which RBD maps are computed; large ones are cut into tiles
too. Synthetic scenes, their backdrops, flat images and noise are measured besides.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, spearmanr

from dilo.data.synthetic import Scene, SceneConfig, make_scene
from dilo.folder import list_images
from dilo.image import Image, Map, read_image
from dilo.masks import MaskStore, compare_with_truth
from dilo.saliency import rbd
from dilo.saliency.confidence import confidence, is_empty
from record import RESULTS, record

Mask = NDArray[np.bool_]
Table = dict[str, NDArray[np.float64]]  # a value for each map

BAD = 0.3  # a map with less IoU is bad
DECILES = 10
KEPT = (1.0, 0.9, 0.8, 0.5)  # shares of the most confident maps
LIMITS = (0.1, 0.15, 0.2, 0.25)  # of confidence, below which a map might count as empty
TILE = 128  # least side of a tile, in pixels
SCENES = SceneConfig(size=96)
SCENE_COUNT = 300
DRAWN = "DUTS-TR, RBD"  # whose distribution the picture shows


def main() -> None:
    """Measure every set, print the tables, write the JSON and the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--maps", nargs="*", default=[], help="NAME=STORE:TRUTH")
    parser.add_argument("--without", nargs="*", default=[], help="NAME=FOLDER")
    parser.add_argument("--picture", type=Path, help="draw the reliability curve here")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    made = [make_scene(SCENES, number) for number in range(SCENE_COUNT)]
    tables = dict(stored(text) for text in arguments.maps)
    pairs = ((rbd(scene.image), scene.mask) for scene in made)
    tables["synthetic scenes, RBD"] = columns(judge(*pair) for pair in pairs)
    without = {
        name: columns(judge(rbd(image)) for image in images)
        for name, images in images_without(arguments.without, made).items()
    }
    curves = {name: reliability(table) for name, table in tables.items()}
    first = next(iter(tables.values()))["confidence"]
    figures = {
        "with object": curves,
        "without object": {name: blank(t, first) for name, t in without.items()},
    }
    for name, curve in curves.items():
        print("\n".join(describe(name, curve)))
    for name, row in figures["without object"].items():
        print(name, row)
    print(record("confidence", figures, arguments.out))
    if arguments.picture:
        draw(curves, tables | without, arguments.picture)


def stored(text: str) -> tuple[str, Table]:
    """Judge the maps of NAME=STORE:TRUTH."""
    name, _, folders = text.partition("=")
    store, _, truth = folders.partition(":")
    compared = compare_with_truth(
        [MaskStore.open(store)], MaskStore.open(truth), judge, workers=1
    )
    return name, columns(compared.values[0])


def judge(saliency: Map, truth: Mask | None = None) -> dict[str, float]:
    """Measure the confidence of a map, and its quality where the truth is known."""
    judged = {"confidence": confidence(saliency), "empty": float(is_empty(saliency))}
    return judged if truth is None else judged | quality(saliency, truth)


def quality(saliency: Map, truth: Mask) -> dict[str, float]:
    """Compare one map with the truth: as it is, and cut at 0.5."""
    shared, area = float(saliency[truth].sum()), int(truth.sum())
    mass = float(saliency.sum())
    cut = saliency >= 0.5
    hits, selected = int((cut & truth).sum()), int(cut.sum())
    return {
        "soft IoU": shared / max(mass + area - shared, 1e-9),
        "IoU": hits / max(selected + area - hits, 1),
        "F": 1.3 * hits / max(selected + 0.3 * area, 1e-9),  # beta squared is 0.3
        "MAE": (mass + area - 2 * shared) / truth.size,
    }


def columns(rows: Iterable[Mapping[str, float]]) -> Table:
    """Turn rows into columns."""
    listed = list(rows)
    return {key: np.array([row[key] for row in listed]) for key in listed[0]}


def reliability(table: Table) -> dict[str, Any]:
    """Say how the confidence ranks the maps, and whether it keeps its promise."""
    judged, overlap = table["confidence"], table["IoU"]
    order = np.argsort(judged)
    shown = [key for key in table if key != "empty"]
    deciles = [
        {key: float(table[key][part].mean()) for key in shown}
        for part in np.array_split(order, DECILES)
    ]
    gaps = [abs(row["confidence"] - row["soft IoU"]) for row in deciles]
    bad = overlap < BAD
    return {
        "maps": len(judged),
        "mean": {key: float(table[key].mean()) for key in shown},
        "rank correlation": {
            key: float(spearmanr(judged, table[key]).statistic) for key in shown[1:]
        },
        f"AUROC of IoU below {BAD}": auroc(judged[bad], judged[~bad]),
        "gap to soft IoU": {"mean": float(np.mean(gaps)), "largest": max(gaps)},
        "deciles": deciles,
        "IoU of the most confident": {
            f"{share:.0%}": float(
                overlap[order[round((1 - share) * len(order)) :]].mean()
            )
            for share in KEPT
        },
        **emptiness(table),
    }


def blank(table: Table, reference: NDArray[np.float64]) -> dict[str, Any]:
    """Say how little confidence there is in maps of images without an object."""
    judged = table["confidence"]
    return {
        "images": len(judged),
        "median confidence": float(np.median(judged)),
        "AUROC against the first set": auroc(judged, reference),
        **emptiness(table),
    }


def emptiness(table: Table) -> dict[str, Any]:
    """Say how many maps count as empty, by the rule and by other limits."""
    judged, empty = table["confidence"], table["empty"] > 0
    result: dict[str, Any] = {
        "share empty": float(empty.mean()),
        "share below": {str(limit): float((judged < limit).mean()) for limit in LIMITS},
    }
    if "IoU" in table and empty.any():
        result["IoU of the empty"] = float(table["IoU"][empty].mean())
        result["IoU below"] = {
            str(limit): float(table["IoU"][judged < limit].mean())
            for limit in LIMITS
            if (judged < limit).any()
        }
    return result


def auroc(low: NDArray[np.float64], high: NDArray[np.float64]) -> float | None:
    """Give the probability that one of `high` is above one of `low`."""
    if not low.size or not high.size:
        return None
    return float(mannwhitneyu(high, low).statistic / (low.size * high.size))


def images_without(
    texts: Sequence[str], made: Sequence[Scene]
) -> dict[str, list[Image]]:
    """Collect images that have no object."""
    folders = (text.split("=", 1) for text in texts)
    images = {name: list(tiles(Path(folder))) for name, folder in folders}
    rng = np.random.default_rng(0)
    noise = [
        128 + spread * rng.standard_normal((150, 200, 3))
        for spread in (1, 3, 10, 20, 40, 80)
        for _ in range(5)
    ]
    return images | {
        "synthetic backdrops": [scene.backdrop for scene in made],
        "flat": [np.full((150, 200, 3), level, np.uint8) for level in (0, 128, 255)],
        "noise": [np.rint(image).clip(0, 255).astype(np.uint8) for image in noise],
    }


def tiles(folder: Path) -> Iterator[Image]:
    """Yield every image, and its quarters and sixteenths while they are large."""
    for name in list_images(folder):
        image = read_image(folder / name)
        for parts in (1, 2, 4):
            side = min(image.shape[:2]) // parts
            if parts > 1 and side < TILE:
                break
            for number in range(parts * parts):
                y, x = (side * place for place in divmod(number, parts))
                tile = image[y : y + side, x : x + side] if parts > 1 else image
                yield np.ascontiguousarray(tile)


def describe(name: str, curve: Mapping[str, Any]) -> list[str]:
    """Write what `reliability` gave as Markdown."""
    keys = list(curve["deciles"][0])
    return [
        f"\n{name}",
        *(f"{key}: {value}" for key, value in curve.items() if key != "deciles"),
        f"| {' | '.join(keys)} |",
        *(
            f"| {' | '.join(f'{row[key]:.3f}' for key in keys)} |"
            for row in curve["deciles"]
        ),
    ]


def draw(curves: Mapping[str, Any], tables: Mapping[str, Table], path: Path) -> None:
    """Draw the reliability curves, and how the confidence is distributed."""
    # Only for this picture: the measurement itself runs without it.
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for (name, curve), mark in zip(curves.items(), "osd^v<>", strict=False):
        points = [(row["confidence"], row["soft IoU"]) for row in curve["deciles"]]
        left.plot(*zip(*points, strict=True), marker=mark, markersize=4, label=name)
    left.set(xlabel="confidence, mean of a decile", ylabel="soft IoU with the truth")
    left.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    left.legend(frameon=False, fontsize=8)
    shown = [name for name in tables if name not in curves or name == DRAWN]
    for number, name in enumerate(shown):
        colour = f"C{number and number + len(curves) - 1}"  # the first as on the left
        judged = np.sort(tables[name]["confidence"])
        share = np.arange(1, len(judged) + 1) / len(judged)
        steps = [0, *judged, 1], [0, *share, 1]
        right.step(*steps, where="post", label=name, color=colour)
    right.set(xlabel="confidence", ylabel="share of the maps below", xlim=(0, 1))
    right.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
