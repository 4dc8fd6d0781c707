"""Classification accuracy, over images and over classes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dilo.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How often predicted classes are right; both figures lie in [0, 1]."""

    top1: float
    per_class: float  # mean of the accuracies of the classes; every class counts alike
    images: int
    failures: tuple[str, ...] = ()  # images left out because they cannot be read


def score(
    predictions: Tensor, labels: Tensor, failures: tuple[str, ...] = ()
) -> Scores:
    """Compare predicted with true classes, both int64 (N,), on any device.

    Classes without an image in `labels` play no part in the mean over classes.

    Raises:
        InputError: there are no labels, or not one for each prediction.
    """
    if predictions.shape != labels.shape or labels.numel() == 0:
        raise InputError(
            "predictions and labels must be (N,) with N > 0, got "
            f"{tuple(predictions.shape)} and {tuple(labels.shape)}"
        )
    labels = labels.cpu()  # some devices have no float64
    right = (predictions.cpu() == labels).double()
    counts = torch.bincount(labels)
    hits = torch.bincount(labels, weights=right)
    present = counts > 0
    return Scores(
        top1=right.mean().item(),
        per_class=(hits[present] / counts[present]).mean().item(),
        images=len(labels),
        failures=failures,
    )
