"""Write figures of a benchmark to benchmarks/results, and what they were made with."""

import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dilo.files import write_json_atomic
from dilo.runs import environment

RESULTS = Path(__file__).parent / "results"


def record(name: str, figures: Any, folder: Path = RESULTS) -> Path:
    """Write figures with date, hardware, libraries, commit and command."""
    path = folder / f"{name}.json"
    write_json_atomic(
        path, {"commit": commit(), "environment": environment(), "figures": figures}
    )
    return path


def commit() -> str:
    """Name the commit of the working tree; "+" means that it has been changed."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
        cwd=RESULTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"


def spread(values: Sequence[float]) -> dict[str, float]:
    """Give mean and standard deviation over seeds."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.mean(values), "std": deviation, "seeds": len(values)}


def summarise(
    scores: Iterable[tuple[str, Mapping[str, float]]],
) -> dict[str, dict[str, dict[str, float]]]:
    """Give row -> score -> mean and deviation, from (row, scores) of every seed."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row, cells in scores:
        for name, value in cells.items():
            values[row][name].append(value)
    return {
        row: {name: spread(numbers) for name, numbers in cells.items()}
        for row, cells in values.items()
    }


def markdown_row(name: str, cells: Mapping[str, Mapping[str, float]]) -> str:
    """Write a row of a table from what `spread` gave."""
    texts = []
    for cell in cells.values():
        deviation = f" ± {cell['std']:.1f}" if cell["seeds"] > 1 else ""
        texts.append(f"{cell['mean']:.1f}{deviation}")
    return " | ".join([f"| {name}", *texts]) + " |"
