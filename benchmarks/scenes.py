"""Repeat the demo over seeds, with ablations: the scenes table of docs/RESULTS.md.

    python benchmarks/scenes.py OUT --seeds 0 1 2 --ablate 0 1 2

Each seed has its own scenes and its own weights. Can be stopped and called again.
Writes benchmarks/results/scenes.json.
"""

import argparse
from pathlib import Path

from dilo.config import replace
from dilo.experiments.demo import DemoConfig, demo, demo_configs
from dilo.experiments.evaluation import Evaluation, evaluate_backbone, read_scenes
from dilo.experiments.runner import train_all
from dilo.models.weights import load_backbone
from dilo.pretrain import PretrainConfig
from record import markdown_row, record, summarise

RAW = {"view.copy_paste.alpha_low": 0.0, "view.copy_paste.alpha_high": 1.0}
AT_ONCE = {"view.copy_paste.ramp": 0.0}


def ablations(rbd: PretrainConfig) -> dict[str, PretrainConfig]:
    """Give the variants of the training with RBD masks that the table compares."""
    return {
        "RBD, raw alpha": replace(rbd, **RAW),
        "RBD, raw alpha, no ramp (paper)": replace(rbd, **RAW, **AT_ONCE),
    }


def ablate(out: Path, seed: int) -> dict[str, Evaluation]:
    """Train the variants on the scenes of a finished demo, and evaluate them."""
    rbd = demo_configs(out, DemoConfig(seed=seed))["RBD masks"]
    runs = train_all(ablations(rbd), out / "ablations")
    sets = read_scenes(out / "scenes")
    return {
        name: evaluate_backbone(load_backbone(run.folder, "auto"), sets, name)
        for name, run in runs.items()
    }


def main() -> None:
    """Run every seed, print the table, and record it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ablate", type=int, nargs="*", default=[], metavar="SEED")
    words = parser.parse_args()
    folders = {seed: words.out / f"seed{seed}" for seed in words.seeds}
    results = {
        seed: dict(demo(folder, DemoConfig(seed=seed)).results)
        for seed, folder in folders.items()
    }
    for seed in words.ablate:
        results[seed] |= ablate(folders[seed], seed)
    seeds = {
        seed: {name: result.percentages() for name, result in rows.items()}
        for seed, rows in results.items()
    }
    summary = summarise(item for rows in seeds.values() for item in rows.items())
    for row, cells in summary.items():
        print(markdown_row(row, cells))
    print(record("scenes", {"mean and standard deviation": summary, "seeds": seeds}))


if __name__ == "__main__":
    main()
