"""Time RBD against decoding and against scikit-image's SLIC, on one thread, in one run.

    python benchmarks/saliency.py [--images DIR] [--count 12] [--out DIR]

The photographs that come with scikit-image are timed as JPEG of three sizes, and those
of DIR as they are. Times are CPU times and the rivals take turns on every image: only
the ratios mean something on a shared machine.
"""

import argparse
import io
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import skimage.data
import skimage.segmentation

from dilo.folder import list_images
from dilo.image import Image, read_image
from dilo.saliency import rbd
from dilo.saliency.color import pixel_lab
from dilo.saliency.graph import region_graph
from dilo.saliency.rbd import rbd_steps
from dilo.saliency.regions import border_band, default_superpixels
from dilo.saliency.slic import slic, superpixel_side
from record import RESULTS, record

ROUNDS = 3  # of each step in turn; the least time counts
QUICK = 4  # runs of each of our steps in a round: short ones are easily disturbed
SIZES = {"400x300": (400, 300), "500x375": (500, 375), "native": None}
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
ONE_THREAD = {
    f"{pool}_NUM_THREADS": "1" for pool in ("OMP", "OPENBLAS", "MKL", "NUMBA")
}
OURS = "RBD, whole"
RIVAL = "scikit-image SLIC alone"


def main() -> None:
    """Time every step on every image, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of JPEG files")
    parser.add_argument("--count", type=int, default=12, help="of DIR's images at most")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    if not ONE_THREAD.items() <= os.environ.items():  # numpy reads them when imported
        environment = os.environ | ONE_THREAD
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    sets = {f"scikit-image {name}": shipped(size) for name, size in SIZES.items()}
    if arguments.images:
        files = folder(arguments.images)
        files = files[:: max(1, len(files) // arguments.count)][: arguments.count]
        sets["/".join(arguments.images.resolve().parts[-2:])] = files
    results = {name: time_set(name, files) for name, files in sets.items()}
    print(record("saliency", results, arguments.out))


def time_set(name: str, files: list[bytes]) -> dict[str, Any]:
    """Time every step on every image and print the medians."""
    rows = [time_image(content) for content in files]
    milliseconds = {step: float(np.median([r[step] for r in rows])) for step in rows[0]}
    ratios = [row[RIVAL] / row[OURS] for row in rows]
    ratio = float(np.median(ratios))
    print(f"{name}, {len(rows)} images")
    for step, value in milliseconds.items():
        print(f"  {step:28}{value:9.2f} ms")
    print(f"  RBD is {ratio:.1f} times as fast as {RIVAL}")
    return {
        "images": len(rows),
        "milliseconds": milliseconds,
        "ratio": ratio,
        "least ratio": min(ratios),
    }


def time_image(content: bytes) -> dict[str, float]:
    """Least CPU time of each step, in milliseconds.

    The steps take turns, so that a busy moment of the machine hits all alike.
    """
    image = read_image(content)
    height, width, _ = image.shape
    side = superpixel_side(height, width, default_superpixels(height, width))
    lab = pixel_lab(image)
    labels = slic(lab, side)
    graph = region_graph(image, labels, border_band(side), np.float32)
    segments = int(labels.max()) + 1
    steps: dict[str, Callable[[], Any]] = {
        "JPEG decoding": lambda: read_image(content),
        "Lab": lambda: pixel_lab(image),
        "SLIC, connected": lambda: slic(lab, side),
        "regions": lambda: region_graph(image, labels, border_band(side), np.float32),
        "graph": lambda: rbd_steps(graph),
        OURS: lambda: rbd(image),
        RIVAL: lambda: rival_slic(image, segments),
    }
    for step in steps.values():
        step()  # compile, and touch what is read
    best = dict.fromkeys(steps, np.inf)
    for _ in range(ROUNDS):
        for name, step in steps.items():
            for _ in range(QUICK if name != RIVAL else 1):
                start = time.process_time()
                step()
                best[name] = min(best[name], 1000 * (time.process_time() - start))
    return best


def rival_slic(image: Image, segments: int) -> Any:
    """Superpixels of scikit-image: 10 iterations, connected, about as many."""
    return skimage.segmentation.slic(
        image, n_segments=segments, compactness=20, max_num_iter=10, start_label=0
    )


def folder(root: Path) -> list[bytes]:
    """Contents of the image files below a folder."""
    return [(root / name).read_bytes() for name in list_images(root)]


def shipped(size: tuple[int, int] | None) -> list[bytes]:
    """Photographs inside the scikit-image package, as JPEG of (width, height)."""
    contents = []
    for name in PHOTOGRAPHS:
        picture = PIL.Image.fromarray(getattr(skimage.data, name)())
        buffer = io.BytesIO()
        picture.resize(size or picture.size).save(buffer, "JPEG", quality=90)
        contents.append(buffer.getvalue())
    return contents


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
