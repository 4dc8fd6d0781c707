"""Time RBD against decoding and against scikit-image's SLIC, on one thread, in one run.

    python benchmarks/saliency.py [--images DIR] [--count 32] [--out FILE.json]

Without --images, photographs that come with scikit-image are used, as JPEG of at most
400 pixels a side. Only ratios within one run mean something on a shared machine.
"""

import argparse
import datetime
import io
import json
import os
import platform
import subprocess
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
from dilo.saliency.rbd import default_superpixels
from dilo.saliency.slic import slic, superpixel_side

REPEATS = 5
ONE_THREAD = {
    f"{pool}_NUM_THREADS": "1" for pool in ("OMP", "OPENBLAS", "MKL", "NUMBA")
}
OURS = "RBD, whole"
RIVAL = "scikit-image SLIC alone"


def main() -> None:
    """Time every step on every image, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of JPEG files")
    parser.add_argument("--count", type=int, default=32, help="images at most")
    parser.add_argument("--out", type=Path, default=default_output())
    arguments = parser.parse_args()
    if not ONE_THREAD.items() <= os.environ.items():  # numpy reads them when imported
        environment = os.environ | ONE_THREAD
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    files = folder(arguments.images) if arguments.images else shipped()
    files = files[:: max(1, len(files) // arguments.count)][: arguments.count]
    rows = [time_image(content) for content in files]
    milliseconds = {step: float(np.mean([r[step] for r in rows])) for step in rows[0]}
    ratio = milliseconds[RIVAL] / milliseconds[OURS]
    for step, value in milliseconds.items():
        print(f"{step:28}{value:9.2f} ms {value / milliseconds[OURS]:9.2f} x RBD")
    print(f"RBD is {ratio:.1f} times as fast as {RIVAL}")
    result = {"images": len(files), "milliseconds": milliseconds, "ratio": ratio}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(provenance() | result, indent=2) + "\n")


def time_image(content: bytes) -> dict[str, float]:
    """Best of some repeats of each step, in milliseconds.

    The steps take turns, so that a busy moment of the machine hits all alike.
    """
    image = read_image(content)
    height, width, _ = image.shape
    side = superpixel_side(height, width, default_superpixels(height, width))
    segments = int(slic(pixel_lab(image), side).max()) + 1
    steps: dict[str, Callable[[], Any]] = {
        "JPEG decoding": lambda: read_image(content),
        "our SLIC with Lab": lambda: slic(pixel_lab(image), side),
        OURS: lambda: rbd(image),
        RIVAL: lambda: rival_slic(image, segments),
    }
    best = dict.fromkeys(steps, np.inf)
    for _ in range(REPEATS):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            best[name] = min(best[name], 1000 * (time.perf_counter() - start))
    return best


def rival_slic(image: Image, segments: int) -> Any:
    """Superpixels of scikit-image: 10 iterations, connected, about as many."""
    return skimage.segmentation.slic(
        image, n_segments=segments, compactness=20, max_num_iter=10, start_label=0
    )


def folder(root: Path) -> list[bytes]:
    """Contents of the image files below a folder."""
    return [(root / name).read_bytes() for name in list_images(root)]


def shipped() -> list[bytes]:
    """Photographs inside the scikit-image package, as JPEG of at most 400 pixels."""
    contents = []
    for photograph in (
        skimage.data.astronaut,
        skimage.data.chelsea,
        skimage.data.coffee,
        skimage.data.rocket,
    ):
        picture = PIL.Image.fromarray(photograph())
        picture.thumbnail((400, 400))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        contents.append(buffer.getvalue())
    return contents


def provenance() -> dict[str, str]:
    """When, on what and from which commit the figures come."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": datetime.date.today().isoformat(),
        "hardware": f"{processor()}, one thread",
        "commit": commit.stdout.strip(),
        "command": " ".join(["python", "benchmarks/saliency.py", *sys.argv[1:]]),
    }


def processor() -> str:
    """Name of the CPU."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def default_output() -> Path:
    """benchmarks/results/saliency.json."""
    return Path(__file__).parent / "results" / "saliency.json"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
