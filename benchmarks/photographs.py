"""Pretrain on a folder of photographs without and with masks, and read out.

    python benchmarks/photographs.py train DATA MASKS RUNS --seeds 0 1 2
    python benchmarks/photographs.py table DATA RUNS

DATA is a folder with images/, masks/ (exact) and labels.csv; MASKS is a mask store that
`dilo masks DATA/images MASKS` made. `train` can be stopped and called again: finished
runs are skipped, an interrupted one goes on. `table` reads out every finished run and
writes benchmarks/results/NAME.json.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from dilo.config import replace
from dilo.data.labels import read_train_val
from dilo.files import write_json_atomic
from dilo.models.weights import load_backbone
from dilo.pretrain import PretrainConfig, pretrain
from dilo.pretrain.recipes import recipe
from dilo.runs import Run
from evaluation import classify
from record import markdown_row, record, summarise

# How a map becomes an alpha: the paper's raw soft alpha, and the curve that brings
# RBD maps nearest to exact masks (soft IoU .665 against .537 on 302 photographs).
CURVES = {"raw": (0.0, 1.0), "sharp": (0.1, 0.4)}


# A plain convolutional network at 56 px, because a ResNet at 224 px would take days on
# a CPU: some 10,000 photographs in ten minutes to half an hour of one core.
SMALL: dict[str, Any] = {
    "arch": "conv7",
    "epochs": 50,
    "batch_size": 128,
    "crop_size": 56,
    "cache_size": 76,
    "lr": 0.05,
    "schedule": "cosine",
    "workers": 0,
}


def instdisc(images: str) -> PretrainConfig:
    """InstDisc on photographs, with the exact softmax over the bank."""
    changes = {**SMALL, "temperature": 0.1, "negatives": 1_000_000}
    return recipe("instdisc", images=images, **changes)


def moco(images: str) -> PretrainConfig:
    """MoCo v2 where `instdisc` stands.

    The queue, the temperature and the faster key encoder are those of MoCo's own recipe
    for small images; the blur is that of 224 px, in proportion.
    """
    changes = {
        **SMALL,
        "temperature": 0.1,
        "negatives": 4096,
        "key_momentum": 0.99,
        "view.blur_sigma": (0.1, 0.5),
    }
    return recipe("moco_v2", images=images, **changes)


def rotation(images: str) -> PretrainConfig:
    """Rotation where `instdisc` stands."""
    return recipe("rotation", images=images, **SMALL)


OBJECTIVES = {"instdisc": instdisc, "moco": moco, "rotation": rotation}


def variants(data: Path, masks: Path, objective: str) -> dict[str, PretrainConfig]:
    """Give the config of every row of the table."""
    baseline = OBJECTIVES[objective](str(data / "images"))
    rows = {"baseline": baseline, "exact": replace(baseline, masks=str(data / "masks"))}
    for name, (low, high) in CURVES.items():
        rows[f"rbd-{name}"] = replace(
            baseline,
            **{
                "masks": str(masks),
                "view.copy_paste.alpha_low": low,
                "view.copy_paste.alpha_high": high,
            },
        )
    return rows


def train(words: argparse.Namespace) -> None:
    """Train the variants that were asked for, one after the other."""
    configs = variants(words.data, words.masks, words.objective)
    # The table's first objective came before there were others.
    prefix = "" if words.objective == "instdisc" else f"{words.objective}-"
    for seed in words.seeds:
        for name in words.variants:
            config = replace(configs[name], seed=seed)
            if words.epochs:
                config = replace(config, epochs=words.epochs)
            pretrain(config, words.runs / f"{prefix}{name}-seed{seed}")


def table(words: argparse.Namespace) -> None:
    """Read out every finished run, and gather mean and deviation over seeds."""
    labelled = read_train_val(words.data / "labels.csv", words.data / "labels.csv")
    # Kept beside the runs, so that a later call reads out the new ones only.
    path = words.runs / "readouts.json"
    runs: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for folder in sorted(words.runs.glob("*-seed*")):
        run = Run.open(folder)
        if folder.name in runs or not run.backbone.exists():
            continue
        last = run.losses[-1]
        runs[folder.name] = {
            "scores": classify(load_backbone(folder, "auto"), labelled),
            **{name: last[name] for name in ("loss", "step", "seconds")},
            "chance": last["chance_level"],
            "config": run.config,
        }
        write_json_atomic(path, runs)
        print(folder.name, runs[folder.name]["scores"])
    summary = summarise(
        (name.rpartition("-seed")[0], entry["scores"]) for name, entry in runs.items()
    )
    for row, cells in summary.items():
        print(markdown_row(row, cells))
    print(record(words.name, {"summary": summary, "runs": runs}))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train")
    training.set_defaults(run=train)
    training.add_argument("data", type=Path)
    training.add_argument("masks", type=Path)
    training.add_argument("runs", type=Path)
    training.add_argument("--objective", default="instdisc", choices=OBJECTIVES)
    training.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    rows = ["baseline", "exact", *(f"rbd-{name}" for name in CURVES)]
    training.add_argument("--variants", nargs="+", default=rows, choices=rows)
    training.add_argument("--epochs", type=int)
    reading = commands.add_parser("table")
    reading.set_defaults(run=table)
    reading.add_argument("data", type=Path)
    reading.add_argument("runs", type=Path)
    reading.add_argument("--name", default="photographs", help="of the JSON")
    words = parser.parse_args()
    words.run(words)


if __name__ == "__main__":
    main()
