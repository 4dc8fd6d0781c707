"""Principal components with equal variance, of more rows than fit a GPU."""

import torch
from torch import Tensor

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
        device: where it is computed, and where the result lies; Apple's GPUs have no
            float64, and leave the work to the processor.

    Returns:
        float32 (N, d), d <= min(dims, D, N - 1) or 1, of mean 0.
    """
    target, device = device, _with_float64(device)
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
    whitened = torch.cat(
        [
            ((rows.to(device, torch.float64) - mean) @ projection).float()
            for rows in features.split(ROWS)
        ]
    )
    return whitened.to(target)


def _with_float64(device: torch.device) -> torch.device:
    return torch.device("cpu") if device.type == "mps" else device
