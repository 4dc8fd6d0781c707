"""Time saliency against decoding and against SLIC of others, on one thread, in one run.

    python benchmarks/saliency.py [--images DIR ...] [--count 12] [--out DIR]

The photographs that come with scikit-image are timed as JPEG of three sizes, and those
of each DIR as they are. Times are CPU times and the rivals take turns on every image:
only the ratios mean something on a shared machine. OpenCV's SLIC is part of
opencv-contrib-python-headless, which replaces the package that dilo asks for: install
it to a folder of its own (pip install --no-deps --target) and name that in PYTHONPATH.
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

import cv2
import numpy as np
import PIL.Image
import skimage.data
import skimage.segmentation

from dilo.folder import list_images
from dilo.image import Image, read_image
from dilo.saliency import METHODS, estimate
from dilo.saliency.color import pixel_lab
from dilo.saliency.graph import region_graph
from dilo.saliency.rbd import rbd_steps
from dilo.saliency.superpixels import (
    border_band,
    default_superpixels,
    image_graph,
    slic,
    superpixel_side,
)
from dilo.saliency.working import shrink, working_factor
from record import RESULTS, record

ROUNDS = 3  # of each step in turn; the least time counts
QUICK = 4  # runs of each of our steps in a round: short ones are easily disturbed
# Size, and quality at which files have the 80 to 130 kB of photographs as they come.
SIZES = {
    "400x300": ((400, 300), 98),
    "500x375": ((500, 375), 96),
    "native": (None, 95),
}
USUAL = (80_000, 130_000)  # bytes of a file
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
ONE_THREAD = {
    f"{pool}_NUM_THREADS": "1" for pool in ("OMP", "OPENBLAS", "MKL", "NUMBA")
}
DECODE = "decoding, full size (Pillow)"
RBD, SMALL_RBD = "rbd, full size", "rbd, working size"
ALL, SMALL_ALL = "consensus, full size", "consensus, working size"
FILE, EXACT_FILE = "bytes to map", "bytes to map, exact"
SKIMAGE, OPENCV = "scikit-image SLIC alone", "OpenCV SLIC alone"
RATIOS = {  # name -> (of, by): what is divided by what
    "scikit-image SLIC / rbd, full size": (SKIMAGE, RBD),
    "scikit-image SLIC / rbd, working size": (SKIMAGE, SMALL_RBD),
    "OpenCV SLIC / rbd, full size": (OPENCV, RBD),
    "OpenCV SLIC / rbd, working size": (OPENCV, SMALL_RBD),
    "bytes to map / decoding": (FILE, DECODE),
    "bytes to map, exact / decoding": (EXACT_FILE, DECODE),
    "all three / rbd, full size": (ALL, RBD),
    "all three / rbd, working size": (SMALL_ALL, SMALL_RBD),
}


def main() -> None:
    """Time every step on every image, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument("--count", type=int, default=12, help="images of a DIR at most")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    on_one_thread()
    sets = {f"scikit-image {name}": shipped(*kind) for name, kind in SIZES.items()}
    for root in arguments.images:
        files = folder(root)
        usual = [content for content in files if USUAL[0] <= len(content) <= USUAL[1]]
        name = "/".join(root.resolve().parts[-2:])
        sets[name] = spread(files, arguments.count)
        sets[f"{name}, 80 to 130 kB"] = spread(usual, arguments.count)
    results = {name: time_set(name, files) for name, files in sets.items()}
    print(record("saliency", results, arguments.out))


def on_one_thread() -> None:
    """Let every library use one thread; starts the program again where it must."""
    if not ONE_THREAD.items() <= os.environ.items():  # numpy reads them when imported
        environment = os.environ | ONE_THREAD
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    cv2.setNumThreads(0)


def time_set(name: str, files: list[bytes]) -> dict[str, Any]:
    """Time every step on every image and print the medians."""
    rows = [time_image(content) for content in files]
    milliseconds = {step: float(np.median([r[step] for r in rows])) for step in rows[0]}
    kilobytes = float(np.median([len(content) for content in files])) / 1000
    print(f"{name}, {len(rows)} images of {kilobytes:.0f} kB")
    for step, value in milliseconds.items():
        print(f"  {step:38}{value:9.2f} ms")
    ratios = {}
    for ratio, (of, by) in RATIOS.items():
        if of in rows[0]:
            each = [row[of] / row[by] for row in rows]
            median, least, most = np.median(each), min(each), max(each)
            ratios[ratio] = {"median": median, "least": least, "most": most}
            print(f"  {ratio:38}{median:9.2f} ({least:.2f} to {most:.2f})")
    return {
        "images": len(rows),
        "kilobytes": kilobytes,
        "milliseconds": milliseconds,
        "ratios": ratios,
    }


def time_image(content: bytes) -> dict[str, float]:
    """Least CPU time of each step, in milliseconds.

    The steps take turns, so that a busy moment of the machine hits all alike.
    """
    steps = our_steps(content) | rival_steps(read_image(content))
    for step in steps.values():
        step()  # compile, and touch what is read
    best = dict.fromkeys(steps, np.inf)
    for _ in range(ROUNDS):
        for name, step in steps.items():
            for _ in range(QUICK if name not in (SKIMAGE, OPENCV) else 1):
                start = time.process_time()
                step()
                best[name] = min(best[name], 1000 * (time.process_time() - start))
    return best


def our_steps(content: bytes) -> dict[str, Callable[[], Any]]:
    """Name what is timed of dilo on the image of a file."""
    image = read_image(content)
    height, width, _ = image.shape
    small = shrink(image, working_factor(height, width))
    side = superpixel_side(height, width, default_superpixels(height, width))
    lab = pixel_lab(image)
    labels = slic(lab, side)[0].copy()
    graph = region_graph(image, labels, border_band(side), np.float32)
    return {
        DECODE: lambda: np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB")),
        "Lab": lambda: pixel_lab(image),
        "SLIC, connected": lambda: slic(lab, side),
        "regions": lambda: region_graph(image, labels, border_band(side), np.float32),
        "graph": lambda: rbd_steps(graph),
        RBD: lambda: METHODS["rbd"](image),
        "gs, full size": lambda: METHODS["gs"](image),
        "mc, full size": lambda: METHODS["mc"](image),
        ALL: lambda: METHODS["consensus"](image),
        SMALL_RBD: lambda: METHODS["rbd"](small),
        SMALL_ALL: lambda: METHODS["consensus"](small),
        FILE: lambda: estimate(content),
        EXACT_FILE: lambda: estimate(content, exact=True),
    }


def rival_steps(image: Image) -> dict[str, Callable[[], Any]]:
    """Name the superpixels of others: 10 iterations, connected, about as many."""
    segments = int(image_graph(image).labels.max()) + 1
    steps: dict[str, Callable[[], Any]] = {
        SKIMAGE: lambda: skimage.segmentation.slic(
            image, n_segments=segments, compactness=20, max_num_iter=10, start_label=0
        )
    }
    if hasattr(cv2, "ximgproc"):
        side = superpixel_side(image.shape[0], image.shape[1], segments)
        steps[OPENCV] = lambda: opencv_slic(image, side)
    return steps


def opencv_slic(image: Image, side: int) -> Any:
    """Superpixels of OpenCV in Lab, as its documentation advises."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    contrib: Any = getattr(cv2, "ximgproc")  # noqa: B009  # unknown to type checkers
    superpixels = contrib.createSuperpixelSLIC(
        lab, contrib.SLIC, region_size=side, ruler=20.0
    )
    superpixels.iterate(10)
    superpixels.enforceLabelConnectivity(25)
    return superpixels.getLabels()


def folder(root: Path) -> list[bytes]:
    """Contents of the image files below a folder."""
    return [(root / name).read_bytes() for name in list_images(root)]


def spread(files: list[bytes], count: int) -> list[bytes]:
    """Take `count` files, evenly from the whole list."""
    return files[:: max(1, len(files) // count)][:count]


def shipped(size: tuple[int, int] | None, quality: int) -> list[bytes]:
    """Photographs inside the scikit-image package, as JPEG of (width, height)."""
    contents = []
    for name in PHOTOGRAPHS:
        picture = PIL.Image.fromarray(getattr(skimage.data, name)())
        buffer = io.BytesIO()
        picture = picture.resize(size or picture.size)
        picture.save(buffer, "JPEG", quality=quality, subsampling=0)
        contents.append(buffer.getvalue())
    return contents


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
