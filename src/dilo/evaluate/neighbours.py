"""Nearest neighbours by cosine similarity, and what they share with the query."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dilo.errors import InputError

# Similarities of one chunk of queries to the whole bank: 64 million floats, 256 MB.
CHUNK_ELEMENTS = 2**26


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """Features of images of which the class and the kind of background are known."""

    features: Tensor  # (N, D)
    labels: Tensor  # int64 (N,), on the CPU
    backgrounds: Tensor  # int64 (N,), the kind of each image's background, on the CPU


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Which share of neighbours has what in common with the query; sums to 1."""

    both: float  # same class on the same kind of background
    class_only: float
    background_only: float  # right background, wrong object: the error to look for
    neither: float

    @property
    def same_class(self) -> float:
        """Share of neighbours of the query's class, whatever the background."""
        return self.both + self.class_only

    @property
    def same_background(self) -> float:
        """Share of neighbours on the query's kind of background."""
        return self.both + self.background_only


@dataclass(frozen=True, kw_only=True)
class BackgroundRetrieval:
    """What nearest neighbours share with their query, beside chance."""

    found: Shares
    chance: Shares  # the same for neighbours drawn at random


@torch.inference_mode()
def nearest(
    queries: Tensor, bank: Tensor, k: int, *, exclude_self: bool = False
) -> tuple[Tensor, Tensor]:
    """Find the k most similar bank features of each query by cosine similarity.

    Args:
        queries: (Q, D), of any length: they are L2-normalised here.
        bank: (N, D), likewise.
        k: how many; no more than the bank holds are returned.
        exclude_self: queries and bank are the same images in the same order, and
            none is its own neighbour.

    Returns:
        Cosine similarities and bank indices, both (Q, k), the most similar first.

    Raises:
        InputError: shapes do not fit, k is not positive, or the bank is too small.
    """
    _check_nearest(queries, bank, k, exclude_self)
    k = min(k, len(bank) - exclude_self)
    queries, bank = F.normalize(queries, dim=1), F.normalize(bank, dim=1)
    rows = max(1, CHUNK_ELEMENTS // len(bank))
    similarities, indices = [], []
    for start in range(0, len(queries), rows):
        similarity = queries[start : start + rows] @ bank.T  # (rows, N)
        if exclude_self:
            # Row i of the chunk is query start + i; a diagonal, shifted by start.
            similarity.diagonal(start).fill_(-torch.inf)
        top = similarity.topk(k)
        similarities.append(top.values)
        indices.append(top.indices)
    return torch.cat(similarities), torch.cat(indices)


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
    bank = queries if gallery is None else gallery
    alone = gallery is None
    _, index = nearest(queries.features, bank.features, k, exclude_self=alone)
    index = index.cpu()  # the shares are float64, which some devices lack
    same_class = bank.labels[index] == queries.labels[:, None]  # (Q, k)
    same_background = bank.backgrounds[index] == queries.backgrounds[:, None]
    found = _shares(
        both=(same_class & same_background).double().mean().item(),
        same_class=same_class.double().mean().item(),
        same_background=same_background.double().mean().item(),
    )
    return BackgroundRetrieval(found=found, chance=_chance(queries, bank, alone))


def _chance(queries: Tagged, bank: Tagged, alone: bool) -> Shares:
    """Expected shares for neighbours drawn from the bank, the query itself excepted."""
    kinds = 1 + int(max(queries.backgrounds.max(), bank.backgrounds.max()))

    def expected(keys: Tensor, bank_keys: Tensor) -> float:
        size = 1 + int(max(keys.max(), bank_keys.max()))
        same = torch.bincount(bank_keys, minlength=size)[keys] - int(alone)
        return (same.double() / (len(bank_keys) - int(alone))).mean().item()

    return _shares(
        both=expected(
            queries.labels * kinds + queries.backgrounds,
            bank.labels * kinds + bank.backgrounds,
        ),
        same_class=expected(queries.labels, bank.labels),
        same_background=expected(queries.backgrounds, bank.backgrounds),
    )


def _shares(both: float, same_class: float, same_background: float) -> Shares:
    return Shares(
        both=both,
        class_only=same_class - both,
        background_only=same_background - both,
        neither=1 - same_class - same_background + both,
    )


def _check_nearest(queries: Tensor, bank: Tensor, k: int, exclude_self: bool) -> None:
    if queries.ndim != 2 or bank.ndim != 2 or queries.shape[1] != bank.shape[1]:
        raise InputError(
            "queries and bank must be (Q, D) and (N, D), got "
            f"{tuple(queries.shape)} and {tuple(bank.shape)}"
        )
    if exclude_self and len(queries) != len(bank):
        raise InputError(
            "to exclude themselves the queries must be the bank, got "
            f"{len(queries)} queries and {len(bank)} bank features"
        )
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if len(bank) - exclude_self < 1:
        raise InputError(f"the bank holds no neighbour: it has {len(bank)} features")
