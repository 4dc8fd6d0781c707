"""Contrastive losses as pure functions."""

import torch
import torch.nn.functional as F
from torch import Tensor

NOISE_EPS = 1e-7  # as in the authors' program


def softmax_nce(
    features: Tensor,
    positives: Tensor,
    negatives: Tensor,
    temperature: float,
    excluded: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of picking each image's positive among shared negatives.

    Args:
        features: L2-normalised embeddings, (B, D).
        positives: what each should be similar to, (B, D); constant.
        negatives: what it should not be similar to, (K, D); constant.
        temperature: similarities are divided by this.
        excluded: bool (B, K), negatives that do not count for an image, or None.

    Returns:
        The mean loss, a scalar; log(number of choices) for features that tell nothing.

    Source: Wu et al., "Unsupervised feature learning via non-parametric instance
        discrimination", CVPR 2018, eq. 2, over sampled choices; also known as InfoNCE.
    """
    features = features / temperature  # cheaper than to divide all similarities
    positive = (features * positives).sum(dim=1, keepdim=True)  # (B, 1)
    negative = features @ negatives.T  # (B, K)
    if excluded is not None:
        negative.masked_fill_(excluded, -torch.inf)
    logits = torch.cat([positive, negative], dim=1)  # (B, 1 + K)
    target = torch.zeros(len(features), dtype=torch.long, device=features.device)
    return F.cross_entropy(logits, target)


def nce(
    features: Tensor,
    positives: Tensor,
    noise: Tensor,
    temperature: float,
    log_mean: Tensor,
    count: int,
) -> Tensor:
    """Cross-entropy of telling each image's positive from uniformly drawn noise.

    Args:
        features: L2-normalised embeddings, (B, D).
        positives: the images' rows of the bank, (B, D); constant.
        noise: rows drawn with replacement, (K, D), for all images; constant.
        temperature: similarities are divided by this.
        log_mean: log(Z / N), Z the sum of exp(similarity / temperature) over the bank.
        count: rows of the bank, N.

    Returns:
        The loss of an image with its K noise rows, averaged over images; a scalar.

    Source: Wu et al., CVPR 2018, sec. 3.2; the small constant is of their program.
    """
    features = features / temperature
    # Probabilities of the model over those of the noise, N p.
    positive = ((features * positives).sum(dim=1) - log_mean).exp()  # (B,)
    negative = (features @ noise.T - log_mean).exp()  # (B, K)
    rival, slack = len(noise), count * NOISE_EPS
    # log1p: with thousands of rows each term is about 1 / K, which 1 + x would round.
    found = torch.log1p((rival + slack) / positive)
    refused = torch.log1p((negative + slack) / rival).sum(dim=1)
    return (found + refused).mean()
