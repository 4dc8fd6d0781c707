"""Contrastive losses as pure functions."""

import torch
import torch.nn.functional as F
from torch import Tensor


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
