"""Weighted k-nearest-neighbour classification: nothing is trained."""

import torch
from torch import Tensor

from dilo.data.labels import LabelledImages
from dilo.errors import InputError
from dilo.evaluate.features import LabelledFeatures, extract_labelled
from dilo.evaluate.neighbours import nearest
from dilo.evaluate.scores import Scores, score
from dilo.models.inference import LoadedBackbone


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
    bank = extract_labelled(loaded, train, workers=workers, title="train features")
    queries = extract_labelled(loaded, val, workers=workers, title="val features")
    return knn_score(bank, queries, k=k, temperature=temperature)


def knn_score(
    train: LabelledFeatures,
    val: LabelledFeatures,
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


def _check(k: int, temperature: float) -> None:
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if not temperature > 0:
        raise InputError(f"temperature must be above 0, got {temperature}")
