"""What a backbone is worth on scenes of which everything is known."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dilo.attribution.gradient import EnergyInside, energy_inside, gradient_map
from dilo.augment import centre_view
from dilo.data.labels import LabelledImages, read_labels
from dilo.data.synthetic import BACKGROUNDS
from dilo.evaluate.backgrounds import BackgroundRetrieval, Tagged, background_retrieval
from dilo.evaluate.features import Features, extract
from dilo.evaluate.knn import knn_score
from dilo.evaluate.linear import LinearProbe, choose_probe
from dilo.evaluate.scores import score
from dilo.image import Image, read_image, read_mask
from dilo.models.inference import LoadedBackbone, device_of
from dilo.models.normalise import normalise


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
        masks = [read_mask(self.masks / name)[..., None] for name in names]
        shown = [np.repeat(mask * np.uint8(255), 3, axis=2) for mask in masks]
        return np.stack([centre_view(mask, crop_size)[..., 0] > 127 for mask in shown])


def read_scenes(folder: Path) -> dict[str, SceneSet]:
    """Read the scenes that `demo.make_scenes` wrote.

    Returns:
        train, to fit classifiers on; natural, new scenes with backgrounds drawn as
        those of train; swapped, the same objects, each before one of any kind.
    """
    return {
        "train": SceneSet.read(folder / "train", "train"),
        "natural": SceneSet.read(folder / "natural", "val"),
        "swapped": SceneSet.read(folder / "swapped", "val"),
    }


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a backbone is worth; accuracies lie in [0, 1]."""

    knn: float
    linear: float
    knn_swapped: float
    linear_swapped: float
    retrieval: BackgroundRetrieval  # among the swapped scenes
    swapped: Tensor  # features of the swapped scenes, (N, D), on the device
    gradients: NDArray[np.float32]  # maps of the first swapped scenes, (R, S, S)
    energy: EnergyInside  # of these on the object

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


def evaluate_backbone(
    loaded: LoadedBackbone, sets: Mapping[str, SceneSet], name: str = ""
) -> Evaluation:
    """Fit classifiers on the training scenes; test them on natural and swapped ones."""
    images = {f"{name} {which}".strip(): sets[which].images for which in sets}
    train, natural, swapped = (
        extract(loaded, split.paths(), split.labels, title=title)
        for title, split in images.items()
    )
    probe = choose_probe(train.values, train.labels)
    tagged = Tagged(swapped.values, swapped.labels.cpu(), sets["swapped"].backgrounds)
    rows = range(min(GRADIENT_IMAGES, len(sets["swapped"].images)))
    maps = _gradients(loaded, probe, sets["swapped"], rows)
    masks = sets["swapped"].mask_views(loaded.crop_size, rows)
    return Evaluation(
        knn=knn_score(train, natural).top1,
        linear=_linear(probe, natural),
        knn_swapped=knn_score(train, swapped).top1,
        linear_swapped=_linear(probe, swapped),
        retrieval=background_retrieval(tagged),
        swapped=swapped.values,
        gradients=maps,
        energy=energy_inside(maps, masks),
    )


def _gradients(
    loaded: LoadedBackbone, probe: LinearProbe, scenes: SceneSet, rows: Sequence[int]
) -> NDArray[np.float32]:
    """Map what the probe's score of the true class depends on: (R, S, S)."""
    device = device_of(loaded.module)
    views = torch.from_numpy(np.stack(scenes.views(loaded.crop_size, rows)))
    labels = torch.from_numpy(scenes.images.labels[np.asarray(rows)])
    weights = probe.weight[labels.to(device)]
    return gradient_map(loaded.module, normalise(views.to(device)), weights)


def _linear(probe: LinearProbe, features: Features) -> float:
    return score(probe.predict(features.values), features.labels).top1
