"""Colours as a choice among bins of the ab plane of CIE Lab."""

import functools

import torch
from torch import Tensor

GRID = 10.0  # units of Lab between the centres of neighbouring bins
NEIGHBOURS = 5  # bins that a colour is spread over
SIGMA = 5.0  # units of Lab: of the spreading
UNIFORM = 0.5  # share of the even distribution in rebalancing (lambda in the paper)

# sRGB (linear) to XYZ, D65, each row divided by the white point.
_XYZ = (
    (0.412453 / 0.950456, 0.357580 / 0.950456, 0.180423 / 0.950456),
    (0.212671, 0.715160, 0.072169),
    (0.019334 / 1.088754, 0.119193 / 1.088754, 0.950227 / 1.088754),
)


def rgb_to_lab(colours: Tensor) -> Tensor:
    """Convert sRGB in [0, 1], (..., 3), to CIE Lab under D65."""
    bright = ((colours + 0.055) / 1.055) ** 2.4
    linear = torch.where(colours > 0.04045, bright, colours / 12.92)
    red, green, blue = linear.unbind(-1)
    # Plain numbers: a tensor of weights would make the processor wait for the GPU.
    x, y, z = (
        _lab_curve(weights[0] * red + weights[1] * green + weights[2] * blue)
        for weights in _XYZ
    )
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)


@functools.cache
def gamut_bins() -> Tensor:
    """Give the centres of the bins that sRGB colours fall into, float32 (261, 2).

    The published program has 313. Those must include bins that the gamut only touches:
    309 grid points lie at a corner of a cell that holds an 8-bit colour, by our count,
    but only 261 are the nearest one to any. A bin that is nearest to no colour could be
    the target of none.
    """
    # Chroma is extreme on the surface of the cube; inside, the bins are contiguous.
    values = torch.linspace(0, 1, 256, dtype=torch.float64)
    across, along = torch.meshgrid(values, values, indexing="ij")
    faces = [
        torch.stack([across, along, torch.full_like(across, end)], -1).roll(axis, -1)
        for end in (0.0, 1.0)
        for axis in range(3)
    ]
    ab = rgb_to_lab(torch.stack(faces))[..., 1:].reshape(-1, 2)
    return (ab / GRID).round().unique(dim=0).float() * GRID


def soft_encode(ab: Tensor, bins: Tensor) -> tuple[Tensor, Tensor]:
    """Spread colours over the bins that are nearest to them.

    Args:
        ab: float32 (M, 2).
        bins: centres, float32 (Q, 2).

    Returns:
        The bins, int64 (M, 5), the nearest first, and their shares, (M, 5), which sum
        to 1 and fall with the distance as a Gaussian does.

    Source: Zhang, Isola, Efros, "Colorful image colorization", ECCV 2016, sec. 2.1.
    """
    distances = torch.cdist(ab, bins, compute_mode="donot_use_mm_for_euclid_dist")
    near = distances.topk(NEIGHBOURS, largest=False)
    return near.indices, (-near.values.square() / (2 * SIGMA**2)).softmax(dim=1)


def rebalancing(prior: Tensor) -> Tensor:
    """Weigh rare bins up: (Q,) -> (Q,), with mean 1 over the colours of the prior.

    Source: Zhang, Isola, Efros, ECCV 2016, eq. 4.
    """
    weights = 1 / ((1 - UNIFORM) * prior + UNIFORM / len(prior))
    return weights / (prior * weights).sum()


def _lab_curve(light: Tensor) -> Tensor:
    root = light.clamp(min=0.008856) ** (1 / 3)
    return torch.where(light > 0.008856, root, 7.787 * light + 16 / 116)
