"""Background tests: are objects still recognised when their backgrounds change?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from dilo.data.labels import LabelledImages
from dilo.errors import ImageError, InputError, StoreError
from dilo.evaluate.features import extract, extract_labelled
from dilo.evaluate.knn import knn_predict
from dilo.evaluate.linear import choose_probe
from dilo.evaluate.neighbours import BackgroundRetrieval, Tagged, background_retrieval
from dilo.evaluate.scores import Scores, score
from dilo.evaluate.swaps import VARIANTS, Composites, Mask, draw_donors, why_not
from dilo.image import Image, read_image
from dilo.masks import MaskStore
from dilo.models.inference import LoadedBackbone
from dilo.progress import Progress


@dataclass(frozen=True, kw_only=True)
class BackgroundScores:
    """Accuracy on each variant of the same images, by two classifiers.

    Read gaps together with the accuracies: a network that recognises nothing has no
    gap either.
    """

    knn: Mapping[str, Scores]  # variant -> scores
    linear: Mapping[str, Scores]
    retrieval: BackgroundRetrieval  # what the neighbours of mixed_rand images share
    left_out: tuple[str, ...]  # images that could not take part, and why

    @property
    def knn_gap(self) -> float:
        """Top-1 on mixed_same less that on mixed_rand, by nearest neighbours."""
        return self.knn["mixed_same"].top1 - self.knn["mixed_rand"].top1

    @property
    def linear_gap(self) -> float:
        """The same gap by the linear probe."""
        return self.linear["mixed_same"].top1 - self.linear["mixed_rand"].top1


def background_scores(
    loaded: LoadedBackbone,
    train: LabelledImages,
    val: LabelledImages,
    truth: MaskStore,
    *,
    seed: int = 0,
    workers: int | None = None,
) -> BackgroundScores:
    """Score classifiers fitted on `train` as it is on every variant of `val`.

    Args:
        loaded: the backbone.
        train: bank of the nearest neighbours and training images of the probe.
        val: images to swap the backgrounds of, labels numbered as those of `train`.
        truth: exact masks of `val`; never the maps that the network was trained with.
        seed: draws the donors of backgrounds, and the images that choose the penalty.
        workers: decoding threads.

    Raises:
        InputError: no image can take part, or as for `extract_labelled`.
    """
    usable, left_out = _usable(val, _reader(val, truth))
    part = val.take(usable)
    read = _reader(part, truth)
    bank = extract_labelled(loaded, train, workers=workers, title="train features")
    probe = choose_probe(bank.values, bank.labels, seed=seed)
    labels = torch.from_numpy(part.labels)
    knn: dict[str, Scores] = {}
    linear: dict[str, Scores] = {}
    tagged: dict[str, Tagged] = {}
    for variant in VARIANTS:
        donors = draw_donors(part.labels, variant, np.random.default_rng(seed))
        composites = Composites(read, donors, variant)
        features = extract(loaded, composites, workers=workers, title=variant)
        if features.failures:  # each was read a moment ago
            raise InputError(features.failures[0])
        values = features.values
        knn[variant] = score(knn_predict(values, bank.values, bank.labels), labels)
        linear[variant] = score(probe.predict(values), labels)
        tagged[variant] = Tagged(
            features=values,
            labels=labels,
            backgrounds=labels[torch.from_numpy(donors)],
        )
    # Originals have the background of their class.
    of_bank = bank.labels.cpu()
    originals = Tagged(features=bank.values, labels=of_bank, backgrounds=of_bank)
    return BackgroundScores(
        knn=knn,
        linear=linear,
        retrieval=background_retrieval(tagged["mixed_rand"], originals),
        left_out=bank.failures + left_out,
    )


def _reader(
    images: LabelledImages, truth: MaskStore
) -> Callable[[int], tuple[Image, Mask]]:
    def read(index: int) -> tuple[Image, Mask]:
        name = images.names[index]
        return read_image(images.root / name), truth.mask(name)

    return read


def _usable(
    images: LabelledImages, read: Callable[[int], tuple[Image, Mask]]
) -> tuple[list[int], tuple[str, ...]]:
    """Find the images that can take part, and say why the others cannot."""
    left_out: dict[int, str] = {}
    with Progress("masks", total=len(images), unit="images") as progress:
        for index, name in enumerate(images.names):
            try:
                reason = why_not(*read(index))
                if reason:
                    left_out[index] = f"{name}: {reason}"
            except (ImageError, StoreError) as error:
                left_out[index] = str(error)
            progress.advance()
    usable = [index for index in range(len(images)) if index not in left_out]
    counts = np.bincount(images.labels[usable], minlength=1)
    for index in usable:
        if counts[images.labels[index]] == 1:  # mixed_same would have no donor
            left_out[index] = f"{images.names[index]}: the only one of its class"
    usable = [index for index in usable if index not in left_out]
    if len(set(images.labels[usable])) < 2:
        raise InputError(
            f"{images.root}: swapping backgrounds needs two classes of two images with "
            f"masks; {len(left_out)} of {len(images)} images cannot take part"
            + (f" ({next(iter(left_out.values()))})" if left_out else "")
        )
    return usable, tuple(left_out.values())
