"""Nearest neighbours by cosine similarity, and their vote: nothing is trained."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dilo.data.labels import LabelledImages
from dilo.errors import InputError
from dilo.evaluate.features import Features, extract_splits
from dilo.evaluate.scores import Scores, score
from dilo.models.inference import LoadedBackbone

# Similarities of one chunk of queries to the whole bank: 64 million floats, 256 MB.
CHUNK_ELEMENTS = 2**26


def knn(
    loaded: LoadedBackbone,
    train: LabelledImages,
    val: LabelledImages,
    *,
    k: int = 200,
    temperature: float = 0.07,
    workers: int | None = None,
) -> Scores:
    """Classify `val` by its nearest neighbours in `train`.

    Args:
        loaded: the backbone; its pooled features are compared.
        train: the bank of neighbours.
        val: the images to classify, with labels numbered as those of `train`.
        k: neighbours that vote; all of them if `train` holds fewer.
        temperature: of the vote's weights; the smaller, the more the nearest decide.
        workers: decoding threads.

    Raises:
        InputError: no image of a split can be read, or a setting is out of range.
    """
    _check(k, temperature)
    bank, queries = extract_splits(loaded, train, val, workers)
    return knn_score(bank, queries, k=k, temperature=temperature)


def knn_score(
    train: Features,
    val: Features,
    *,
    k: int = 200,
    temperature: float = 0.07,
) -> Scores:
    """Do what `knn` does, on features that are there already."""
    predictions = knn_predict(val.values, train.values, train.labels, k, temperature)
    return score(predictions, val.labels, train.failures + val.failures)


@torch.inference_mode()
def knn_predict(
    queries: Tensor,
    bank: Tensor,
    labels: Tensor,
    k: int = 200,
    temperature: float = 0.07,
) -> Tensor:
    """Vote among the k most similar bank features, weighted by exp(cosine / t).

    Args:
        queries: (Q, D), of any length: they are L2-normalised here.
        bank: (N, D), likewise, on the same device.
        labels: int64 (N,), the classes of the bank, there too.
        k: neighbours that vote; all of them if the bank holds fewer.
        temperature: t, the softness of the vote.

    Returns:
        Predicted classes, int64 (Q,), on that device.

    Raises:
        InputError: shapes do not fit, or k or t is not positive.

    Source: Wu et al., "Unsupervised feature learning via non-parametric instance
    discrimination", CVPR 2018, section 3.4.
    """
    _check(k, temperature)
    if labels.shape != bank.shape[:1]:
        raise InputError(
            f"labels must be ({len(bank)},), one a bank feature, got "
            f"{tuple(labels.shape)}"
        )
    similarity, index = nearest(queries, bank, k)  # (Q, k)
    # Subtracting the best similarity changes no vote, and exp cannot overflow.
    weight = ((similarity - similarity[:, :1]) / temperature).exp()
    votes = weight.new_zeros(len(queries), int(labels.max()) + 1)  # (Q, classes)
    return votes.scatter_add_(1, labels[index], weight).argmax(dim=1)


@torch.inference_mode()
def nearest(queries: Tensor, bank: Tensor | None, k: int) -> tuple[Tensor, Tensor]:
    """Find the k most similar bank features of each query by cosine similarity.

    Args:
        queries: (Q, D), of any length: they are L2-normalised here.
        bank: (N, D), likewise; None = the queries, each without itself.
        k: how many; no more than the bank holds are returned.

    Returns:
        Cosine similarities and bank indices, both (Q, k), the most similar first.

    Raises:
        InputError: shapes do not fit, k is not positive, or the bank is too small.
    """
    exclude_self = bank is None
    bank = queries if bank is None else bank
    if queries.ndim != 2 or bank.ndim != 2 or queries.shape[1] != bank.shape[1]:
        raise InputError(
            "queries and bank must be (Q, D) and (N, D), got "
            f"{tuple(queries.shape)} and {tuple(bank.shape)}"
        )
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if len(bank) - exclude_self < 1:
        raise InputError(f"the bank holds no neighbour: it has {len(bank)} features")
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


def _check(k: int, temperature: float) -> None:
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if not temperature > 0:
        raise InputError(f"temperature must be above 0, got {temperature}")
