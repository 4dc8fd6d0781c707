"""What a backbone is worth on scenes of which everything is known."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dilo.attribution.gradient import (
    EnergyInside,
    class_score,
    energy_inside,
    gradient_map,
)
from dilo.augment import centre_view
from dilo.data.labels import LabelledImages, read_labels
from dilo.data.synthetic import BACKGROUNDS
from dilo.evaluate.features import LabelledFeatures, extract_labelled
from dilo.evaluate.knn import knn_score
from dilo.evaluate.linear import LinearProbe, choose_probe
from dilo.evaluate.neighbours import BackgroundRetrieval, Tagged, background_retrieval
from dilo.evaluate.scores import score
from dilo.image import Image, read_image, read_mask
from dilo.models.normalise import normalise
from dilo.models.weights import LoadedBackbone


@dataclass(frozen=True, kw_only=True)
class SceneSet:
    """Scenes with labels, kinds of background and exact masks."""

    images: LabelledImages
    backgrounds: Tensor  # int64 (N,), index into BACKGROUNDS
    masks: Path  # folder of exact masks

    @classmethod
    def read(cls, folder: Path, split: Literal["train", "val"]) -> "SceneSet":
        """Read one split of a folder that `write_scenes` wrote."""
        images = read_labels(folder / "labels.csv", split)
        with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
            kinds = {row["file"]: row["background"] for row in csv.DictReader(file)}
        numbers = [BACKGROUNDS.index(kinds[Path(name).name]) for name in images.names]
        return cls(
            images=images,
            backgrounds=torch.tensor(numbers),
            masks=folder / "masks",
        )

    def views(self, crop_size: int, rows: Sequence[int]) -> list[Image]:
        """Give the test views of some scenes."""
        paths = self.images.paths()
        return [centre_view(read_image(paths[row]), crop_size) for row in rows]

    def mask_views(self, crop_size: int, rows: Sequence[int]) -> NDArray[np.bool_]:
        """Give the masks of the test views of some scenes: bool (R, S, S)."""
        names = [Path(self.images.names[row]).name for row in rows]
        masks = [read_mask(self.masks / name) for name in names]
        shown = [
            np.repeat(mask[..., None] * np.uint8(255), 3, axis=2) for mask in masks
        ]
        return np.stack([centre_view(mask, crop_size)[..., 0] > 127 for mask in shown])


@dataclass(frozen=True, kw_only=True)
class SceneSets:
    """The scenes that read-outs are fitted and tested on."""

    train: SceneSet
    natural: SceneSet  # new scenes, their backgrounds drawn as those of `train`
    swapped: SceneSet  # the same objects, each before a background of any kind

    @classmethod
    def read(cls, folder: Path) -> "SceneSets":
        """Read what `demo.make_scenes` wrote."""
        return cls(
            train=SceneSet.read(folder / "train", "train"),
            natural=SceneSet.read(folder / "natural", "val"),
            swapped=SceneSet.read(folder / "swapped", "val"),
        )


@dataclass(frozen=True, kw_only=True)
class ReadOut:
    """What a backbone is worth; accuracies lie in [0, 1]."""

    knn: float
    linear: float
    knn_swapped: float
    linear_swapped: float
    retrieval: BackgroundRetrieval  # among the swapped scenes
    energy: EnergyInside  # of pixel gradients on the object, swapped scenes
    swapped: Tensor  # features of the swapped scenes, (N, D)
    probe: LinearProbe

    def percentages(self) -> dict[str, float]:
        """Give every score in percent, by the name that tables show."""
        found = self.retrieval.found
        shares = {
            "kNN": self.knn,
            "linear": self.linear,
            "kNN, swapped": self.knn_swapped,
            "linear, swapped": self.linear_swapped,
            "neighbour on same background": found.same_background,
            "neighbour of same class": found.same_class,
            "gradient on object": self.energy.mean_energy,
        }
        return {name: 100 * share for name, share in shares.items()}


# Images whose pixel gradients are measured: enough for a standard error of a percent.
GRADIENT_IMAGES = 256


def read_out(loaded: LoadedBackbone, sets: SceneSets, name: str = "") -> ReadOut:
    """Fit read-outs on the training scenes; test them on natural and swapped ones."""
    features = {
        which: extract_labelled(loaded, scenes.images, title=f"{name} {which}".strip())
        for which, scenes in vars(sets).items()
    }
    train, natural, swapped = features.values()
    probe = choose_probe(train.values, train.labels)
    tagged = Tagged(
        features=swapped.values,
        labels=swapped.labels,
        backgrounds=sets.swapped.backgrounds,
    )
    rows = range(min(GRADIENT_IMAGES, len(sets.swapped.images)))
    return ReadOut(
        knn=knn_score(train, natural).top1,
        linear=_linear(probe, natural),
        knn_swapped=knn_score(train, swapped).top1,
        linear_swapped=_linear(probe, swapped),
        retrieval=background_retrieval(tagged),
        energy=energy_inside(
            gradients(loaded, probe, sets.swapped, rows),
            sets.swapped.mask_views(loaded.crop_size, rows),
        ),
        swapped=swapped.values,
        probe=probe,
    )


def gradients(
    loaded: LoadedBackbone, probe: LinearProbe, scenes: SceneSet, rows: Sequence[int]
) -> NDArray[np.float32]:
    """Map what the probe's score of the true class depends on: (R, S, S)."""
    views = torch.from_numpy(np.stack(scenes.views(loaded.crop_size, rows)))
    labels = torch.from_numpy(scenes.images.labels[np.asarray(rows)])
    score_of = class_score(probe.weight, probe.bias, labels)
    return gradient_map(loaded.module, normalise(views), score_of)


def _linear(probe: LinearProbe, features: LabelledFeatures) -> float:
    return score(probe.predict(features.values), features.labels).top1
