"""Repeat the demo over seeds, with ablations: the scenes table of docs/RESULTS.md.

    python benchmarks/scenes.py OUT --seeds 0 1 2

Each seed has its own scenes and its own weights. Can be stopped and called again.
Writes benchmarks/results/scenes.json.
"""

import argparse
from collections import defaultdict
from pathlib import Path

from dilo.config import replace
from dilo.experiments.demo import DemoConfig, demo, demo_configs
from dilo.experiments.readout import SceneSets, read_out
from dilo.experiments.runner import train_all
from dilo.models.weights import load_backbone
from dilo.pretrain import PretrainConfig
from record import markdown_row, record, spread

RAW = {"view.copy_paste.alpha_low": 0.0, "view.copy_paste.alpha_high": 1.0}
AT_ONCE = {"view.copy_paste.ramp": 0.0}


def ablations(rbd: PretrainConfig) -> dict[str, PretrainConfig]:
    """Give the variants of the training with RBD masks that the table compares."""
    return {
        "RBD, raw alpha": replace(rbd, **RAW),
        "RBD, raw alpha, no ramp (paper)": replace(rbd, **RAW, **AT_ONCE),
    }


def scores_of_seed(out: Path, seed: int) -> dict[str, dict[str, float]]:
    """Run the demo and its ablations with one seed; percentages by row."""
    config = DemoConfig(seed=seed)
    results = dict(demo(out, config).results)
    variants = ablations(demo_configs(out, config)["RBD masks"])
    runs = train_all(variants, out / "ablations")
    sets = SceneSets.read(out / "scenes")
    for name, run in runs.items():
        results[name] = read_out(load_backbone(run.folder), sets, name)
    return {name: result.percentages() for name, result in results.items()}


def main() -> None:
    """Run every seed, print the table, and record it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    words = parser.parse_args()
    seeds = {
        seed: scores_of_seed(words.out / f"seed{seed}", seed) for seed in words.seeds
    }
    columns: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for rows in seeds.values():
        for row, scores in rows.items():
            for name, value in scores.items():
                columns[row][name].append(value)
    summary = {
        row: {name: spread(values) for name, values in scores.items()}
        for row, scores in columns.items()
    }
    for row, cells in summary.items():
        print(markdown_row(row, cells))
    print(record("scenes", {"mean and standard deviation": summary, "seeds": seeds}))


if __name__ == "__main__":
    main()
