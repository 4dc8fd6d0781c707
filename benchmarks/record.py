"""Write figures of a benchmark to benchmarks/results, and what they were made with."""

import re
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dilo.files import write_json_atomic
from dilo.runs import environment

RESULTS = Path(__file__).parent / "results"
ABSOLUTE = re.compile(r"(?<![\w.])/(?:[^/\s]+/)*(?=[^/\s]+)")


def record(name: str, figures: Any, folder: Path = RESULTS) -> Path:
    """Write figures with date, hardware, libraries, commit and command."""
    path = folder / f"{name}.json"
    content = {"commit": commit(), "environment": environment(), "figures": figures}
    write_json_atomic(path, without_folders(content))
    return path


def without_folders(value: Any) -> Any:
    """Keep only the last name of every absolute path: /data/duts becomes duts."""
    if isinstance(value, dict):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_folders(item) for item in value]
    return ABSOLUTE.sub("", value) if isinstance(value, str) else value


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
