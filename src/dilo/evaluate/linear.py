"""A linear classifier on features that stay fixed: logistic regression by L-BFGS.

The penalty is chosen on a part of the training images that is held out, so the result
has no setting to tune and is ready in seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dilo.data.labels import LabelledImages
from dilo.errors import InputError
from dilo.evaluate.features import Features, extract_splits
from dilo.evaluate.scores import Scores, score
from dilo.models.inference import LoadedBackbone

# From strong to weak: each solution is a good start for the next. On standardised
# features the best lies inside this range, not at an end.
PENALTIES = (1.0, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
HELD_OUT = 5  # every fifth training image of each class chooses the penalty
# L-BFGS stops when a step lowers the loss by less. The looser figure picks the same
# penalty in half the time.
SEARCH_TOLERANCE = 1e-4
FIT_TOLERANCE = 1e-6
MAX_ITERATIONS = 500


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """A linear classifier on raw features."""

    weight: Tensor  # (C, D)
    bias: Tensor  # (C,)
    penalty: float

    def predict(self, features: Tensor) -> Tensor:
        """Name the best class of features (N, D): int64 (N,)."""
        return (features @ self.weight.T + self.bias).argmax(dim=1)


def linear(
    loaded: LoadedBackbone,
    train: LabelledImages,
    val: LabelledImages,
    *,
    seed: int = 0,
    workers: int | None = None,
) -> Scores:
    """Train a linear classifier on the features of `train` and score it on `val`.

    Args:
        loaded: the backbone; its pooled features are classified.
        train: images to train the classifier on.
        val: images to score, with labels numbered as those of `train`.
        seed: decides which training images choose the penalty.
        workers: decoding threads.

    Raises:
        InputError: no image of a split can be read, or `train` has a single class.
    """
    fitted, tested = extract_splits(loaded, train, val, workers)
    return linear_score(fitted, tested, seed=seed)


def linear_score(train: Features, val: Features, *, seed: int = 0) -> Scores:
    """Do what `linear` does, on features that are there already."""
    probe = choose_probe(train.values, train.labels, seed=seed)
    predictions = probe.predict(val.values)
    return score(predictions, val.labels, train.failures + val.failures)


# A caller may be in inference mode, and its tensors take no part in autograd; what is
# computed from them outside that mode does.
@torch.inference_mode(False)
def choose_probe(features: Tensor, labels: Tensor, *, seed: int = 0) -> LinearProbe:
    """Fit a probe with the penalty that is best on held-out images, then on all.

    Args:
        features: float32 (N, D); their device does the work, and has the probe.
        labels: int64 (N,), on the same device.
        seed: decides which images are held out.

    Raises:
        InputError: shapes do not fit, or there is a single class.
    """
    _check(features, labels)
    held_out = _hold_out(labels, seed)
    fitted, tested = features[~held_out], features[held_out]
    accuracies: list[float] = []
    for probe in _fit(fitted, labels[~held_out], PENALTIES, SEARCH_TOLERANCE):
        right = probe.predict(tested) == labels[held_out]
        # Without a held-out image (every class is tiny) the first penalty stays.
        accuracies.append(int(right.sum()) / len(right) if len(right) else 0.0)
        if len(accuracies) > 2 and max(accuracies[-2:]) < max(accuracies):
            break  # past the optimum, and weak penalties are the slow ones
    return fit_probe(features, labels, PENALTIES[accuracies.index(max(accuracies))])


@torch.inference_mode(False)
def fit_probe(features: Tensor, labels: Tensor, penalty: float) -> LinearProbe:
    """Fit multinomial logistic regression with an L2 penalty.

    Minimises mean cross-entropy + penalty / 2 * |W|^2 over standardised features; the
    bias is free. This is scikit-learn's problem with C = 1 / (penalty * N).

    Args:
        features: float32 (N, D); standardised here by their own mean and deviation.
        labels: int64 (N,).
        penalty: strength of the L2 penalty on the weights, above 0.

    Raises:
        InputError: shapes do not fit, there is a single class, or penalty <= 0.
    """
    _check(features, labels)
    if not penalty > 0:
        raise InputError(f"penalty must be above 0, got {penalty}")
    return next(_fit(features, labels, (penalty,), FIT_TOLERANCE))


def _fit(
    features: Tensor,
    labels: Tensor,
    penalties: Sequence[float],
    tolerance: float,
) -> Iterator[LinearProbe]:
    """Yield the probe of each penalty; each starts where the one before ended."""
    scale, mean = torch.std_mean(features, dim=0, correction=0)  # (D,)
    # A constant feature keeps its scale.
    scale = scale.masked_fill(scale <= 1e-6 * scale.max(), 1.0)
    inputs, labels = (features - mean) / scale, labels.clone()
    classes = int(labels.max()) + 1
    weight = inputs.new_zeros(classes, inputs.shape[1])
    bias = inputs.new_zeros(classes)
    for penalty in penalties:
        weight, bias = _minimise(inputs, labels, penalty, (weight, bias), tolerance)
        raw = weight / scale  # (C, D), for features as they come
        yield LinearProbe(weight=raw, bias=bias - raw @ mean, penalty=penalty)


@torch.enable_grad()
def _minimise(
    inputs: Tensor,
    labels: Tensor,
    penalty: float,
    start: tuple[Tensor, Tensor],
    tolerance: float,
) -> tuple[Tensor, Tensor]:
    """Return the best weight (C, D) and bias (C,), starting from these."""
    weight, bias = (part.clone().requires_grad_() for part in start)
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=MAX_ITERATIONS,
        tolerance_grad=0,
        tolerance_change=tolerance,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(F.linear(inputs, weight, bias), labels)
        value = value + penalty / 2 * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weight.detach(), bias.detach()


def _hold_out(labels: Tensor, seed: int) -> Tensor:
    """Mark every fifth image of each class, in random order: bool (N,)."""
    generator = torch.Generator().manual_seed(seed)
    of_class = labels.cpu()
    order = torch.randperm(len(of_class), generator=generator)
    order = order[of_class[order].argsort(stable=True)]  # random within each class
    counts = torch.bincount(of_class)
    first = (counts.cumsum(0) - counts).repeat_interleave(counts)
    rank = torch.arange(len(of_class)) - first
    held_out = torch.zeros(len(of_class), dtype=torch.bool)
    held_out[order] = rank % HELD_OUT == HELD_OUT - 1
    return held_out.to(labels.device)


def _check(features: Tensor, labels: Tensor) -> None:
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise InputError(
            "features and labels must be (N, D) and (N,), got "
            f"{tuple(features.shape)} and {tuple(labels.shape)}"
        )
    if len(labels.unique()) < 2:
        raise InputError("a linear classifier needs images of two classes or more")
