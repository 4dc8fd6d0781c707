"""Count the images a second of whole pretrainings, with and without copy-paste.

    python benchmarks/loader_training.py [--out DIR]

Each is a pretraining of one epoch from JPEG files of 500 x 375 pixels on disk, with a
worker for every core but one; the two take turns. A small network shows what the
loader gives, a ResNet what is left of the difference where the network is the limit.
"""

import argparse
import os
import tempfile
import warnings
from pathlib import Path

import torch

from dilo.config import replace
from dilo.pretrain import PretrainConfig, pretrain
from dilo.pretrain.recipes import recipe
from loader import prepare
from record import RESULTS, record
from saliency import SIZES, shipped

IMAGES, BATCH, SKIPPED = 768, 64, 2  # the first batches wait for workers and kernels
ROUNDS = 3  # the best counts
TRAININGS = {  # name -> objective, network, side of the views in pixels
    "InstDisc, conv7, 112 px": ("instdisc", "conv7", 112),
    "MoCo v2, ResNet-18, 112 px": ("moco_v2", "resnet18", 112),
}


def main() -> None:
    """Time every pretraining, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        photographs = shipped(*SIZES["500x375"])
        contents = [photographs[n % len(photographs)] for n in range(IMAGES)]
        files = prepare(root, contents)
        figures = {
            name: measure(root, files.images[0].parent, *setting)
            for name, setting in TRAININGS.items()
        }
    print("| pretraining | without copy-paste | with copy-paste | ratio |")
    for name, rates in figures.items():
        without, pasted = rates["without copy-paste"], rates["with copy-paste"]
        ratio = without / pasted
        print(f"| {name} | {without:.0f} | {pasted:.0f} | {ratio:.3f} |")
    rates_by_name = {"images per second": figures, "workers": workers()}
    print(record("loader_training", rates_by_name, arguments.out))


def workers() -> int:
    """Leave a core to the network."""
    return max(1, (os.cpu_count() or 1) - 1)


def measure(
    root: Path, images: Path, objective: str, arch: str, side: int
) -> dict[str, float]:
    """Give images a second without and with copy-paste."""
    config = replace(
        recipe(objective, images=str(images), arch=arch, crop_size=side),
        epochs=1,
        batch_size=BATCH,
        negatives=512,
        log_every=SKIPPED,
        workers=workers(),
        **{"view.copy_paste.ramp": 0.0, "view.copy_paste.probability": 0.5},
    )
    ways = {"without copy-paste": None, "with copy-paste": str(root / "arrow")}
    rates = dict.fromkeys(ways, 0.0)
    for turn in range(ROUNDS):
        for way, masks in ways.items():
            out = root / f"{objective}-{way}-{turn}"
            rates[way] = max(rates[way], rate(replace(config, masks=masks), out))
    return rates


def rate(config: PretrainConfig, out: Path) -> float:
    """Pretrain, and give the images a second behind the first batches."""
    first, *_, last = pretrain(config, out).run.metrics
    seen = BATCH * (last["step"] - first["step"])
    return seen / (last["seconds"] - first["seconds"])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
