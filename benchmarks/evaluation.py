"""Classification by pretrained backbones, and the table of many runs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dilo.config import difference
from dilo.data.labels import LabelledImages
from dilo.errors import InputError
from dilo.evaluate.features import extract_splits
from dilo.evaluate.knn import knn_score
from dilo.evaluate.linear import linear_score
from dilo.files import write_json_atomic
from dilo.models.inference import LoadedBackbone
from dilo.runs import cpu_name, environment
from record import summarise


def classify(
    loaded: LoadedBackbone, labelled: tuple[LabelledImages, LabelledImages]
) -> dict[str, float]:
    """Score a backbone by kNN and linear classification, all in percent.

    Args:
        loaded: the backbone; its device does the work.
        labelled: the images to fit on, and those to score.
    """
    fitted, tested = extract_splits(loaded, *labelled)
    knn, linear = knn_score(fitted, tested), linear_score(fitted, tested)
    return {
        "knn": 100 * knn.top1,
        "knn_per_class": 100 * knn.per_class,
        "linear": 100 * linear.top1,
        "linear_per_class": 100 * linear.per_class,
    }


@dataclass(frozen=True, kw_only=True)
class Table:
    """The finished runs, in a file."""

    path: Path
    commit: str
    recipe: dict[str, Any]  # what all runs share
    runs: dict[str, dict[str, Any]]

    @classmethod
    def resume(cls, path: Path, done: Path, commit: str, recipe: Any) -> "Table":
        """Go on from the runs in `path`, or else in `done`, if there are any.

        Raises:
            InputError: they are of another recipe.
        """
        runs: dict[str, dict[str, Any]] = {}
        for source in (done, path):
            if source.exists():
                figures = json.loads(source.read_text())["figures"]
                changes = difference(figures["recipe"], recipe)
                if changes:
                    raise InputError(
                        f"{source} is of another recipe ({'; '.join(changes)}); "
                        "give another --done and OUT, or the same settings"
                    )
                runs |= figures["runs"]
        return cls(path=path, commit=commit, recipe=recipe, runs=runs)

    def add(self, name: str, entry: dict[str, Any]) -> None:
        """Enter a run, and write the file."""
        self.runs[name] = entry
        figures = {
            "summary": self.summary(),
            "runs": self.runs,
            "recipe": self.recipe,
        }
        content = {
            "commit": self.commit,
            "environment": environment() | {"device": device_name()},
            "figures": figures,
        }
        write_json_atomic(self.path, content)

    def summary(self) -> dict[str, dict[str, dict[str, float]]]:
        """Give mean and deviation over seeds: row -> score -> figures.

        Runs are named ROW-seedN.
        """
        return summarise(
            (name.rpartition("-seed")[0], entry["scores"])
            for name, entry in self.runs.items()
        )


def device_name() -> str:
    """Name what trains: the GPU, or the processor where there is none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else cpu_name()
