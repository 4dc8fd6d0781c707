"""A run is a folder that says everything about one training.

`config.json metrics.jsonl checkpoint.pt backbone.safetensors environment.json
report.json tensorboard/`. Tables and reports are built from folders, never from memory.
"""

import importlib.metadata
import json
import platform
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dilo
from dilo.config import difference, from_dict, lookup, to_dict, without_free
from dilo.cores import available_cores
from dilo.errors import InputError, RunError
from dilo.files import write_atomic, write_json_atomic
from dilo.locks import lock_folder

SECONDS_OF_PATIENCE = 10.0

LIBRARIES = (
    *("numpy", "numba", "opencv-python-headless"),
    *("torch", "torchvision", "timm", "lightning"),
)


class Run:
    """The folder of one training: its config, its metrics, where its files lie."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = folder / "checkpoint.pt"
        self.backbone = folder / "backbone.safetensors"

    @classmethod
    def create(
        cls, folder: Path, config: Any, facts: Mapping[str, Any] | None = None
    ) -> "Run":
        """Start a run in `folder`, or return to the one that lies there.

        Args:
            folder: made if missing.
            config: a dataclass. Fields that are declared `free` may differ from those
                of the start.
            facts: what the result was made with, beside `environment()`, such as the
                device; ready for JSON.

        Raises:
            RunError: the folder holds a run of another config, or other files.
        """
        run = cls.check(folder, config)
        # The entry of this sitting; a continued run keeps those of the former ones.
        entries = [*run.environments, environment() | dict(facts or {})]
        write_json_atomic(run.folder / "config.json", to_dict(config))
        write_json_atomic(run.folder / "environment.json", entries)
        return run

    @classmethod
    def check(cls, folder: Path, config: Any) -> "Run":
        """Give the run that `create` would, before anything is written.

        Raises:
            RunError: as for `create`.
        """
        run = cls(Path(folder))
        if run.folder.exists() and not run.folder.is_dir():
            raise RunError(f"{run.folder} is a file; a run needs a folder")
        if (run.folder / "config.json").exists():
            if changes := _differences(run, config):
                raise RunError(
                    f"{run.folder} holds a run of another config "
                    f"({'; '.join(changes)}); choose another folder, or continue it "
                    "with its own settings and version of dilo"
                )
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
        """The config as it lies on disk, maybe in the layout of an older version."""
        return _read_json(self.folder / "config.json")

    def field(self, name: str) -> Any:
        """Give a field of the config by its name, such as `epochs`, in any layout.

        Raises:
            InputError: there is no such field.
        """
        return lookup(self.config, name)

    @property
    def environments(self) -> list[dict[str, Any]]:
        """What each sitting was made with: one entry for the start and each resume."""
        path = self.folder / "environment.json"
        if not path.exists():
            return []
        entries = _read_json(path, list | dict)
        # Version 0.1 kept the last sitting alone.
        return entries if isinstance(entries, list) else [entries]

    def locked(self) -> AbstractContextManager[None]:
        """Keep other trainings from writing into the run; errors as of `lock_folder`.

        The workers of one that was killed notice it after five seconds.
        """
        taken = "another training is writing into this run"
        return lock_folder(self.folder, RunError, taken, SECONDS_OF_PATIENCE)

    def log(self, **metrics: float) -> None:
        """Append one line to metrics.jsonl."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(metrics) + "\n")

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """Every line of metrics.jsonl, but for a last one that was cut by a kill.

        Raises:
            RunError: another line is damaged.
        """
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return []
        lines = path.read_text(errors="replace").splitlines()
        if lines and not lines[-1].endswith("}"):
            del lines[-1]
        metrics = [_read_line(path, *each) for each in enumerate(lines, start=1)]
        for line in metrics:
            if "chance" in line:  # its name in version 0.1
                line["chance_level"] = line.pop("chance")
        return metrics

    @property
    def losses(self) -> list[dict[str, Any]]:
        """The lines that tell a loss; others hold what was measured after an epoch."""
        return [line for line in self.metrics if "loss" in line]

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
        "cores": available_cores(),
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


def _differences(run: Run, config: Any) -> list[str]:
    """Compare a config with the stored one, whose missing fields have their default."""
    try:
        stored = from_dict(type(config), run.config)
    except InputError as error:
        return [str(error)]
    return difference(without_free(stored), without_free(config))


def _read_json(path: Path, kind: Any = dict) -> Any:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error})") from error
    if not isinstance(value, kind):
        raise RunError(f"{path}: damaged; it holds {value!r:.40}")
    return value


def _read_line(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        line: dict[str, Any] = json.loads(text)
        line["step"]  # every line has it
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"{path}, line {number}: damaged ({text!r:.40}); delete the line to go on "
            "without it"
        ) from error
    return line


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
