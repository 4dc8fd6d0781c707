"""A run is a folder that says everything about one training.

`config.json metrics.jsonl checkpoint.pt backbone.safetensors environment.json
report.json tensorboard/`. Tables and reports are built from folders, never from memory.
"""

import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import dilo
from dilo.config import difference
from dilo.errors import RunError
from dilo.files import write_atomic, write_json_atomic

LIBRARIES = ("numpy", "numba", "opencv-python-headless", "torch", "lightning")


class Run:
    """The folder of one training: its config, its metrics, where its files lie."""

    def __init__(self, folder: Path) -> None:
        """Point at a run folder; use `create` or `open` instead."""
        self.folder = folder
        self.checkpoint = folder / "checkpoint.pt"
        self.backbone = folder / "backbone.safetensors"

    @classmethod
    def create(
        cls,
        folder: Path,
        config: Mapping[str, Any],
        free: Collection[str] = (),
    ) -> "Run":
        """Start a run in `folder`, or return to the one that lies there.

        Args:
            folder: made if missing.
            config: the whole config, ready for JSON.
            free: top-level fields that may change between start and continuation,
                because the result does not depend on them.

        Raises:
            RunError: the folder holds a run of another config, or other files.
        """
        run = cls.check(folder, config, free)
        write_json_atomic(run.folder / "config.json", dict(config))
        write_json_atomic(run.folder / "environment.json", environment())
        return run

    @classmethod
    def check(
        cls,
        folder: Path,
        config: Mapping[str, Any],
        free: Collection[str] = (),
    ) -> "Run":
        """Give the run that `create` would, before anything is written.

        Raises:
            RunError: as for `create`.
        """
        run = cls(Path(folder))
        if run.folder.exists() and not run.folder.is_dir():
            raise RunError(f"{run.folder} is a file; a run needs a folder")
        if (run.folder / "config.json").exists():
            _check_same(run, config, free)
        # Hidden files are unfinished ones of a start that was killed, or the system's.
        elif run.folder.exists() and any(
            not path.name.startswith(".") for path in run.folder.iterdir()
        ):
            raise RunError(f"{run.folder} is not empty and holds no run")
        return run

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """Open a run that exists.

        Raises:
            RunError: `folder` holds no run.
        """
        run = cls(Path(folder))
        if not (run.folder / "config.json").is_file():
            raise RunError(f"{folder}: no run here (there is no config.json)")
        return run

    @property
    def config(self) -> dict[str, Any]:
        """The config as it lies on disk."""
        return _read_json(self.folder / "config.json")

    def log(self, **metrics: float) -> None:
        """Append one line to metrics.jsonl."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(metrics) + "\n")

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """Every whole line of metrics.jsonl; a line cut by a kill is passed over."""
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return []
        lines = path.read_text().splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]

    def rewind(self, step: int) -> None:
        """Forget metrics logged after `step`, which will be computed again."""
        path = self.folder / "metrics.jsonl"
        if path.exists():
            kept = [line for line in self.metrics if line["step"] <= step]
            text = "".join(json.dumps(line) + "\n" for line in kept)
            write_atomic(path, text.encode())

    @property
    def report(self) -> dict[str, Any] | None:
        """What the finished training said of itself; None before its end."""
        path = self.folder / "report.json"
        return _read_json(path) if path.exists() else None

    def finish(self, report: Mapping[str, Any]) -> None:
        """Write report.json, the mark of a finished training."""
        write_json_atomic(self.folder / "report.json", dict(report))


def environment() -> dict[str, Any]:
    """Say what a result was made with."""
    return {
        "dilo": dilo.__version__,
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "command": sys.argv,
    }


def cpu_name() -> str:
    """Name the processor, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _check_same(run: Run, config: Mapping[str, Any], free: Collection[str]) -> None:
    # Through JSON tuples become lists, as they are on disk.
    old, new = run.config, json.loads(json.dumps(dict(config)))
    for name in free:
        old.pop(name, None)
        new.pop(name, None)
    changes = difference(old, new)
    if changes:
        raise RunError(
            f"{run.folder} holds a run of another config ({'; '.join(changes)}); "
            "choose another folder, or give the same settings to continue"
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error})") from error


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
