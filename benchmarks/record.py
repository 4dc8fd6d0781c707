"""Write figures of a benchmark to benchmarks/results, and what they were made with."""

import subprocess
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
