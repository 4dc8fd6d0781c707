"""Pretrain on a folder of photographs without and with masks, and read out.

    python benchmarks/photographs.py train DATA MASKS RUNS --seeds 0 1 2
    python benchmarks/photographs.py table DATA RUNS

DATA is a folder with images/, masks/ (exact) and labels.csv; MASKS is a mask store that
`dilo masks DATA/images MASKS` made. `train` can be stopped and called again: finished
runs are skipped, an interrupted one goes on. `table` reads out every finished run and
writes benchmarks/results/photographs.json.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

from dilo.config import replace
from dilo.data.labels import read_train_val
from dilo.evaluate.features import extract_labelled
from dilo.evaluate.knn import knn_score
from dilo.evaluate.linear import linear_score
from dilo.experiments.recipes import instdisc_photographs
from dilo.models.weights import load_backbone
from dilo.pretrain import PretrainConfig, pretrain
from dilo.runs import Run
from record import markdown_row, record, spread

# How a map becomes an alpha: the paper's raw soft alpha, and the curve that brings
# RBD maps nearest to exact masks (soft IoU .665 against .537 on 302 photographs).
CURVES = {"raw": (0.0, 1.0), "sharp": (0.1, 0.4)}


def variants(data: Path, masks: Path) -> dict[str, PretrainConfig]:
    """Give the config of every row of the table."""
    baseline = instdisc_photographs(str(data / "images"))
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
    configs = variants(words.data, words.masks)
    for seed in words.seeds:
        for name in words.variants:
            config = replace(configs[name], seed=seed)
            if words.epochs:
                config = replace(config, epochs=words.epochs)
            pretrain(config, words.runs / f"{name}-seed{seed}")


def table(words: argparse.Namespace) -> None:
    """Read out every finished run, and gather mean and deviation over seeds."""
    labelled = read_train_val(words.data / "labels.csv", words.data / "labels.csv")
    runs: dict[str, dict[str, Any]] = {}
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for folder in sorted(words.runs.glob("*-seed*")):
        run = Run.open(folder)
        if not run.backbone.exists():
            print(f"{folder.name}: not finished, left out")
            continue
        loaded = load_backbone(folder)
        fitted, tested = (extract_labelled(loaded, part) for part in labelled)
        knn, linear = knn_score(fitted, tested), linear_score(fitted, tested)
        result = {
            "knn": 100 * knn.top1,
            "knn_per_class": 100 * knn.per_class,
            "linear": 100 * linear.top1,
            "linear_per_class": 100 * linear.per_class,
        }
        last = run.metrics[-1]
        runs[folder.name] = {
            **result,
            "loss": last["loss"],
            "chance": last["chance"],
            "steps": last["step"],
            "seconds": last["seconds"],
            "config": run.config,
        }
        for name, value in result.items():
            scores[folder.name.rpartition("-seed")[0]][name].append(value)
        print(folder.name, {name: round(value, 2) for name, value in result.items()})
    summary = {
        row: {name: spread(values) for name, values in columns.items()}
        for row, columns in scores.items()
    }
    for row, cells in summary.items():
        print(markdown_row(row, cells))
    print(record("photographs", {"summary": summary, "runs": runs}))


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
    training.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    rows = ["baseline", "exact", *(f"rbd-{name}" for name in CURVES)]
    training.add_argument("--variants", nargs="+", default=rows, choices=rows)
    training.add_argument("--epochs", type=int)
    reading = commands.add_parser("table")
    reading.set_defaults(run=table)
    reading.add_argument("data", type=Path)
    reading.add_argument("runs", type=Path)
    words = parser.parse_args()
    words.run(words)


if __name__ == "__main__":
    main()
