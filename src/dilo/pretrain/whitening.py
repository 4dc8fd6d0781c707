"""Principal components with equal variance, of more rows than fit a GPU."""

import torch
from torch import Tensor

from dilo.models.inference import float64_device

ROWS = 2**14  # on the device at a time
FLOOR = 1e-6  # of the largest variance: less is rounding of float32, not signal


@torch.no_grad()
def whiten(features: Tensor, dims: int, device: torch.device) -> Tensor:
    """Project features onto their principal components, each scaled to variance 1.

    Directions without variance are left out: fewer columns come back for features that
    span fewer dimensions, at least one.

    Args:
        features: (N, D), on any device.
        dims: components at most.
        device: where it is computed, if it has float64, and where the result lies.

    Returns:
        float32 (N, d), d <= min(dims, D, N - 1) or 1, of mean 0.
    """
    device, wanted = float64_device(device), device
    total = torch.zeros(features.shape[1], dtype=torch.float64, device=device)
    for rows in features.split(ROWS):
        total += rows.to(device, torch.float64).sum(dim=0)
    mean = total / len(features)
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=device)
    for rows in features.split(ROWS):
        centred = rows.to(device, torch.float64) - mean
        covariance += centred.T @ centred
    variances, directions = torch.linalg.eigh(covariance / len(features))
    kept = int((variances > FLOOR * variances[-1]).sum())
    kept = max(1, min(kept, dims))
    # In rising order of variance; a single constant row has none at all.
    scale = variances[-kept:].clamp(min=torch.finfo(torch.float32).tiny).rsqrt()
    projection = directions[:, -kept:] * scale  # (D, d)
    return torch.cat(
        [
            ((rows.to(device, torch.float64) - mean) @ projection).float().to(wanted)
            for rows in features.split(ROWS)
        ]
    )
