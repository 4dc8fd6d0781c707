"""Background tests: are objects still recognised when their backgrounds change?"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dilo.data.labels import LabelledImages
from dilo.errors import ImageError, InputError, StoreError
from dilo.evaluate.features import extract
from dilo.evaluate.knn import knn_predict, nearest
from dilo.evaluate.linear import choose_probe
from dilo.evaluate.scores import Scores, score
from dilo.evaluate.swaps import VARIANTS, Mask, draw_donors, swap, why_not
from dilo.image import Image, read_image
from dilo.masks import MaskStore
from dilo.models.inference import LoadedBackbone
from dilo.progress import Progress


class Tagged(NamedTuple):
    """Features of images of which the class and the kind of background are known."""

    features: Tensor  # (N, D)
    labels: Tensor  # int64 (N,), on the CPU
    backgrounds: Tensor  # int64 (N,), the kind of each image's background, on the CPU


class Shares(NamedTuple):
    """Which share of neighbours has what in common with the query."""

    same_class: float  # whatever the background
    same_background: float
    both: float


class BackgroundRetrieval(NamedTuple):
    """What nearest neighbours share with their query, beside chance."""

    found: Shares
    chance: Shares  # the same for neighbours drawn at random


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
        InputError: no image can take part, or as for `extract`.
    """
    usable, left_out = _usable(val, truth)
    part = val.take(usable)
    read = functools.partial(_read, part, truth)
    title = "train features"
    bank = extract(loaded, train.paths(), train.labels, workers=workers, title=title)
    probe = choose_probe(bank.values, bank.labels, seed=seed)
    labels = torch.from_numpy(part.labels)
    knn: dict[str, Scores] = {}
    linear: dict[str, Scores] = {}
    tagged: dict[str, Tagged] = {}
    for variant in VARIANTS:
        donors = draw_donors(part.labels, variant, np.random.default_rng(seed))
        swaps = [
            functools.partial(swap, read, index, int(donor), variant)
            for index, donor in enumerate(donors)
        ]
        features = extract(loaded, swaps, workers=workers, title=variant)
        if features.failures:  # each was read a moment ago
            raise InputError(features.failures[0])
        values = features.values
        knn[variant] = score(knn_predict(values, bank.values, bank.labels), labels)
        linear[variant] = score(probe.predict(values), labels)
        tagged[variant] = Tagged(values, labels, labels[torch.from_numpy(donors)])
    # Originals have the background of their class.
    originals = Tagged(bank.values, bank.labels.cpu(), bank.labels.cpu())
    return BackgroundScores(
        knn=knn,
        linear=linear,
        retrieval=background_retrieval(tagged["mixed_rand"], originals),
        left_out=bank.failures + left_out,
    )


def background_retrieval(
    queries: Tagged, gallery: Tagged | None = None, k: int = 1
) -> BackgroundRetrieval:
    """Measure whether neighbours share the query's object or its background.

    With composites of a class on the background of another as queries, and originals
    whose background kind is their class as gallery, `found.same_background` is the
    background retrieval rate and `found.same_class` the foreground one.

    Args:
        queries: the images to find neighbours of.
        gallery: the images to find; None = the queries, each without itself.
        k: neighbours of each query, all counted alike.

    Raises:
        InputError: as for `nearest`.
    """
    bank = gallery or queries
    _, index = nearest(queries.features, gallery.features if gallery else None, k)
    index = index.cpu()  # the shares are float64, which some devices lack
    same_class = bank.labels[index] == queries.labels[:, None]  # (Q, k)
    same_background = bank.backgrounds[index] == queries.backgrounds[:, None]
    shared = (same_class, same_background, same_class & same_background)
    found = Shares(*(same.double().mean().item() for same in shared))
    return BackgroundRetrieval(found, _chance(queries, bank, int(gallery is None)))


def _chance(queries: Tagged, bank: Tagged, itself: int) -> Shares:
    """Expected shares for neighbours drawn from the bank, the query itself excepted."""
    kinds = 1 + int(max(queries.backgrounds.max(), bank.backgrounds.max()))

    def expected(keys: Tensor, bank_keys: Tensor) -> float:
        size = 1 + int(max(keys.max(), bank_keys.max()))
        same = torch.bincount(bank_keys, minlength=size)[keys] - itself
        return (same.double() / (len(bank_keys) - itself)).mean().item()

    return Shares(
        same_class=expected(queries.labels, bank.labels),
        same_background=expected(queries.backgrounds, bank.backgrounds),
        both=expected(
            queries.labels * kinds + queries.backgrounds,
            bank.labels * kinds + bank.backgrounds,
        ),
    )


def _read(images: LabelledImages, truth: MaskStore, index: int) -> tuple[Image, Mask]:
    name = images.names[index]
    return read_image(images.root / name), truth.mask(name)


def _usable(
    images: LabelledImages, truth: MaskStore
) -> tuple[list[int], tuple[str, ...]]:
    """Find the images that can take part, and say why the others cannot."""
    left_out: dict[int, str] = {}
    with Progress("masks", total=len(images), unit="images") as progress:
        for index, name in enumerate(images.names):
            try:
                reason = why_not(*_read(images, truth, index))
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
