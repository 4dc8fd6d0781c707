"""Time a whole item of the loader, from file to two MoCo v2 views, beside others.

    python benchmarks/loader.py [--images DIR] [--count 12] [--kornia] [--out DIR]
    python benchmarks/loader.py --alone --rounds 60

An item is a JPEG file of 500 x 375 pixels and about 100 kB, made from the photographs
that come with scikit-image, or a file of DIR as it is; its maps are RBD's. Times are
CPU times on one thread, and all loaders take turns: only the ratios mean something on a
shared machine. --kornia times kornia too, which must be installed; --alone leaves the
others out, so that more rounds tell what pasting adds.
"""

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dilo.augment import CopyPasteConfig, ViewConfig, view_chain
from dilo.config import replace
from dilo.data.image_set import FindMap, SourceSet
from dilo.data.sources import ImageFiles
from dilo.folder import Names, list_images
from dilo.image import read_image
from dilo.masks import Layout, MaskStore, compute_masks, convert_store
from dilo.pretrain.recipes import recipe
from dilo.pretrain.views import Views
from dilo.saliency import METHODS
from dilo.workers import keep_memory
from loader_memory import loader
from loader_rivals import RIVALS, SIDE, Files, kornia_loader
from record import RESULTS, record
from saliency import SIZES, on_one_thread, shipped, spread
from saliency import folder as read_folder

BATCH, BATCHES = 32, 4  # of items, each an image with draws of its own
WARM = 8  # items of a batch that are made before it, as in the midst of a training
ROUNDS = 10  # of each batch; the least time counts
DECODE = "decoding alone"
OURS, PASTED = "dilo", "dilo, copy-paste"
BLURRED = "dilo, copy-paste, every map blurred"
RECIPE = "dilo, copy-paste of 0.3 of the views"  # of MoCo's recipe
NAIVE = "torchvision on PIL, naive copy-paste"
RATIOS = {  # name -> (of, by): what is divided by what
    "item with copy-paste / decoding alone": (PASTED, DECODE),
    "item without copy-paste / decoding alone": (OURS, DECODE),
    "item with copy-paste / item without": (PASTED, OURS),
    "item by MoCo's recipe / item without": (RECIPE, OURS),
    "naive / item with copy-paste, both blurred": (NAIVE, BLURRED),
    "naive / item with copy-paste": (NAIVE, PASTED),
    "naive, no blur / item with copy-paste": (f"{NAIVE}, no blur", PASTED),
    "torchvision on PIL / item without": ("torchvision on PIL", OURS),
    "torchvision on tensors / item without": ("torchvision on tensors", OURS),
    "naive / torchvision on PIL": (NAIVE, "torchvision on PIL"),
    "dropped in / torchvision on PIL": (
        "torchvision on PIL, CopyPaste dropped in",
        "torchvision on PIL",
    ),
    "kornia / item without": ("kornia on tensors", OURS),
}
Step = Callable[[range], Any]  # makes the items of these numbers


def main() -> None:
    """Time every loader, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of photographs")
    parser.add_argument("--count", type=int, default=12, help="images of DIR at most")
    parser.add_argument("--kornia", action="store_true", help="time kornia too")
    parser.add_argument("--alone", action="store_true", help="time dilo alone")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each batch")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    on_one_thread()
    torch.set_num_threads(1)
    keep_memory()  # as in a worker; the rivals have it too
    with tempfile.TemporaryDirectory() as folder:
        files = prepare(Path(folder), photographs(arguments.images, arguments.count))
        steps = our_loaders(files)
        if not arguments.alone:
            for name, views in RIVALS.items():
                steps[name] = each_item(partial(views, files))
        if arguments.kornia:
            views = kornia_loader()
            steps["kornia on tensors"] = each_item(partial(views, files))
        figures = {
            **time_items(steps, arguments.rounds),
            "mask fetch, microseconds": time_fetch(files),
            "loader, images per second": measure_rates(files),
        }
    for name in list(figures)[-2:]:
        print(name, figures[name])
    name = "loader_alone" if arguments.alone else "loader"
    print(record(name, figures, arguments.out))


def photographs(root: Path | None, count: int) -> list[bytes]:
    """Give the JPEG files that are timed."""
    if root is None:
        return shipped(*SIZES["500x375"])
    return spread(read_folder(root), count)


def prepare(folder: Path, contents: list[bytes]) -> Files:
    """Write the files, and their maps as PNG and as an Arrow store."""
    images = folder / "images"
    images.mkdir()
    for number, content in enumerate(contents):
        (images / f"{number:04d}.jpg").write_bytes(content)
    pngs = MaskStore.create(folder / "png", "rbd")
    compute_masks(images, pngs, lambda path: METHODS["rbd"](read_image(path)), 1)
    convert_store(pngs, folder / "arrow", Layout(format="arrow"), 1)
    names = list_images(images)
    return Files(
        images=[images / name for name in names],
        maps=[pngs.path(name) for name in names],
        names=names,
        store=MaskStore.open(folder / "arrow"),
    )


def our_loaders(files: Files) -> dict[str, Step]:
    """Name what is timed of dilo: decoding, and items with and without pasting."""
    root = files.images[0].parent
    plain = with_maps(root, files.names, None)
    mapped = with_maps(root, files.names, files.store.foreground)
    chain = view_chain("moco_v2", CopyPasteConfig(ramp=0.0))
    blurred = replace(chain, **{"copy_paste.blending": "gaussian"})
    published = recipe("moco_v2", images="").view.copy_paste.probability
    rarer = replace(chain, **{"copy_paste.probability": published})

    def make(examples: SourceSet, config: ViewConfig) -> Step:
        views = Views(
            examples=examples, crop_size=SIDE, config=config, seed=0, epochs=1, views=2
        )
        count = len(files.names)
        # The epoch says what is drawn, the index which file it is drawn for.
        return each_item(lambda number: views[number, number % count])

    return {
        DECODE: each_item(
            lambda number: read_image(files.images[number % len(files.images)])
        ),
        OURS: make(plain, chain),
        PASTED: make(mapped, chain),
        BLURRED: make(mapped, blurred),
        RECIPE: make(mapped, rarer),
    }


def with_maps(root: Path, names: Sequence[str], find_map: FindMap | None) -> SourceSet:
    """Give the images below a folder, and their maps if they are wanted."""
    return SourceSet(source=ImageFiles(root, names), find_map=find_map)


def each_item(step: Callable[[int], Any]) -> Step:
    """Do a step for every item, one after the other."""

    def batch(numbers: range) -> None:
        for number in numbers:
            step(number)

    return batch


def time_items(steps: dict[str, Step], rounds: int) -> dict[str, Any]:
    """Time every loader; print and give milliseconds an item, and ratios.

    Of each batch the least time counts: batches are short, so that in one round or
    another nobody else on the machine disturbs them.
    """
    batches = [range(BATCH * each, BATCH * (each + 1)) for each in range(BATCHES)]
    for step in steps.values():
        step(batches[0])  # compile, and touch what is read
    least = {name: np.full(BATCHES, np.inf) for name in steps}
    for _ in range(rounds):
        for each, numbers in enumerate(batches):
            for name, step in steps.items():
                step(numbers[:WARM])
                start = time.process_time()
                step(numbers)
                taken = 1000 * (time.process_time() - start) / BATCH
                least[name][each] = min(least[name][each], taken)
    best = {name: times.mean() for name, times in least.items()}
    milliseconds = {name: float(value) for name, value in best.items()}
    for name, value in milliseconds.items():
        print(f"  {name:48}{value:8.2f} ms{2000 / value:8.0f} views/s")
    ratios = {
        name: milliseconds[of] / milliseconds[by]
        for name, (of, by) in RATIOS.items()
        if of in milliseconds and by in milliseconds
    }
    for name, value in ratios.items():
        print(f"  {name:48}{value:8.2f}")
    return {"milliseconds": milliseconds, "ratios": ratios}


def time_fetch(files: Files) -> float:
    """Time what the loader does to get a map, at the size in which it is kept."""
    times = []
    for _ in range(10 * ROUNDS):
        start = time.process_time()
        for number in range(100):
            files.store.foreground(files.names[number % len(files.names)])
        times.append((time.process_time() - start) / 100)
    return min(times) * 1e6


def measure_rates(files: Files) -> dict[str, float]:
    """Images a second of pretraining's loader, one view each, a worker a processor."""
    images, workers = files.images[0].parent, os.cpu_count() or 1
    names = Names(name for _ in range(2000 // len(files.names)) for name in files.names)
    maps = {"without copy-paste": None, "with copy-paste": files.store.foreground}
    rates = dict.fromkeys(maps, 0.0)
    for _ in range(ROUNDS):  # alternating, for the machine is shared
        for name, find_map in maps.items():
            examples = with_maps(images, names, find_map)
            batches = loader(examples, side=SIDE, batch=64, workers=workers)(0)
            next(iter(batches))  # workers have started
            start = time.perf_counter()
            seen = sum(len(index) for _, index in batches)
            rates[name] = max(rates[name], seen / (time.perf_counter() - start))
    return {"workers": workers, **rates}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
