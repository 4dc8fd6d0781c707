"""Time what a user waits for before the first result.

    python benchmarks/startup.py --runs 5

Every figure is of a new process, in seconds: from its start to its end, and of CPU on
all its threads. "cold" is the first run after installation, which compiles.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dilo.data.synthetic import SceneConfig, write_scenes
from record import record

DILO = (sys.executable, "-m", "dilo")
FIRST_MAP = "import sys; from dilo.saliency import estimate; estimate(sys.argv[1])"
# A store of its own each time, else there is nothing to do.
MASKS = """
import sys, tempfile
from dilo.cli import main
sys.exit(main(["masks", sys.argv[1], tempfile.mkdtemp(dir=sys.argv[2])]))
"""
ROW = "{:24} {:>8} {:>8} {:>8}"


def measure(command: list[str], cache: Path) -> dict[str, float]:
    """Run a command and return seconds on the clock and of CPU."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        raise RuntimeError(f"{command}: ended with status {status}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime}


def repeat(command: list[str], cache: Path, runs: int) -> dict[str, float]:
    """Return the median of several runs and the least, after one that is not timed."""
    measure(command, cache)
    times = [measure(command, cache) for _ in range(runs)]
    return {
        "wall": statistics.median(each["wall"] for each in times),
        "least wall": min(each["wall"] for each in times),
        "cpu": statistics.median(each["cpu"] for each in times),
    }


def time_all(folder: Path, runs: int) -> dict[str, dict[str, float]]:
    """Time help, imports and first maps; files go below `folder`."""
    write_scenes(folder / "scenes", SceneConfig(size=320), 1)
    images = folder / "scenes/images"
    image = str(next(images.iterdir()))
    cache = folder / "cache"
    first_map = [sys.executable, "-c", FIRST_MAP, image]
    masks = [sys.executable, "-c", MASKS, str(images), str(folder)]
    cold = measure(first_map, cache)
    return {
        "dilo --help": repeat([*DILO, "--help"], cache, runs),
        "dilo masks --help": repeat([*DILO, "masks", "--help"], cache, runs),
        "import dilo.saliency": repeat(
            [sys.executable, "-c", "import dilo.saliency"], cache, runs
        ),
        "first map": repeat(first_map, cache, runs),
        "dilo masks, 1 image": repeat(masks, cache, runs),
        "first map, cold": {**cold, "least wall": cold["wall"]},
    }


def main() -> None:
    """Time everything, print the table, and record it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = time_all(Path(folder), words.runs)
    print(ROW.format("seconds", "wall", "least", "cpu"))
    for name, row in figures.items():
        cells = (f"{row[key]:.2f}" for key in ("wall", "least wall", "cpu"))
        print(ROW.format(name, *cells))
    print(record("startup", figures))


if __name__ == "__main__":
    main()
