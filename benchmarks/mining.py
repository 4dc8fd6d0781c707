"""Measure what `dilo mine-backgrounds` finds, and how much object is on it.

    python benchmarks/mining.py IMAGES MASKS TRUTH --every 8

IMAGES is a folder of photographs, MASKS a mask store of them, TRUTH a folder of their
exact masks. Every eighth image, by name, is looked at. Prints the table of
docs/augmentation.md and writes benchmarks/results/mining.json.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dilo.config import to_dict
from dilo.folder import list_images
from dilo.image import read_size
from dilo.masks import MaskStore
from dilo.mining import MiningConfig, find_background
from record import RESULTS, record

RULES = {
    **{
        f"{limit:.2f}": MiningConfig(threshold=limit)
        for limit in (0.02, 0.05, 0.1, 0.2)
    },
    "0.05, half the short side": MiningConfig(min_side=0.5),
}
OBJECT = 0.01  # of a crop, from which it counts as showing an object


def main() -> None:
    """Mine by each rule, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--every", type=int, default=8, help="look at each n-th image")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    masks, truth = MaskStore.open(arguments.masks), MaskStore.open(arguments.truth)
    listed = list_images(arguments.images)[:: arguments.every]
    names = [name for name in listed if name in masks and name in truth]
    shares = measure(arguments.images, masks, truth, names)
    rows = {rule: row(found) for rule, found in shares.items()}
    print("\n".join(markdown(rows)))
    figures = {
        "images": f"{len(names)} of {arguments.images}, every {arguments.every}th",
        "masks": None if masks.origin is None else to_dict(masks.origin),
        "config": to_dict(MiningConfig()),
        "thresholds": rows,
    }
    print(record("mining", figures, arguments.out))


def measure(
    images: Path, masks: MaskStore, truth: MaskStore, names: Sequence[str]
) -> dict[str, list[float | None]]:
    """Give rule -> share of object on the crop of each image with a map.

    None stands for an image without a crop.
    """
    shares: dict[str, list[float | None]] = {rule: [] for rule in RULES}
    for name in names:
        if masks.is_empty(name):
            continue
        shape, saliency = read_size(images / name), masks.stored(name)
        exact = truth.mask(name)
        for rule, found in shares.items():
            box = find_background(shape, saliency, RULES[rule])
            if box is None:
                found.append(None)
                continue
            rows = slice(box.top, box.top + box.height)
            columns = slice(box.left, box.left + box.width)
            found.append(float(exact[rows, columns].mean()))
    return shares


def row(shares: Sequence[float | None]) -> dict[str, Any]:
    """Summarise what one rule has found."""
    crops = np.array([share for share in shares if share is not None])
    return {
        "images with a map": len(shares),
        "images that give a crop": len(crops) / len(shares),
        f"crops with more than {OBJECT:.0%} of foreground": float(
            (crops > OBJECT).mean()
        ),
        "mean foreground": float(crops.mean()),
    }


def markdown(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Write the table of the documentation."""
    heads = list(next(iter(rows.values())))[1:]
    lines = [f"| threshold | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for rule, cells in rows.items():
        shares = (f"{100 * cells[head]:.1f} %" for head in heads)
        lines.append(f"| {rule} | {' | '.join(shares)} |")
    return lines


if __name__ == "__main__":
    main()
