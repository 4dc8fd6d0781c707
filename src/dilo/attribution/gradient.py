"""Pixel-gradient maps: which pixels would change a score most, if they changed?

A score is a function of the features, such as the class score of a linear probe.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from dilo.errors import InputError
from dilo.models.inference import evaluating

# (features (B, D), which of all images they are) -> one number for each, (B,).
Score = Callable[[Tensor, slice], Tensor]

# Of the longer side: 7 pixels at 224. Raw gradients are grainy and show the strides as
# a grid; the share of energy on the object hardly depends on this.
BLUR = 0.03
BATCH_SIZE = 64


@dataclass(frozen=True, kw_only=True)
class EnergyInside:
    """How much of each map lies on the object; images without an object are NaN."""

    energy: NDArray[np.float64]  # (N,), share of the map's sum inside the mask
    area: NDArray[np.float64]  # (N,), share of the pixels inside the mask

    @property
    def mean_energy(self) -> float:
        """Mean share of energy of the images that show an object."""
        return float(np.nanmean(self.energy))

    @property
    def mean_area(self) -> float:
        """Mean share of area of the images that show an object."""
        return float(np.nanmean(self.area))


def class_score(weight: Tensor, bias: Tensor, classes: Tensor) -> Score:
    """Score each image by a linear probe's output for its class, before the softmax.

    Args:
        weight: (C, D) of the probe, on the backbone's device like all that follows.
        bias: (C,) of the probe.
        classes: int64 (N,), the class asked about for each image: true or predicted.
    """

    def score(features: Tensor, rows: slice) -> Tensor:
        asked = classes[rows]
        return (features * weight[asked]).sum(dim=1) + bias[asked]

    return score


def gradient_map(
    backbone: nn.Module, images: Tensor, score: Score, blur: float = BLUR
) -> NDArray[np.float32]:
    """Map how strongly each pixel bears on the score of its image.

    The largest absolute derivative over the channels, smoothed, then scaled so that
    the largest value of each map is 1. A score that no pixel bears on gives zeros.

    Args:
        backbone: maps images to features; used in evaluation mode, left as it was.
        images: normalised float32 (N, 3, H, W), on the backbone's device.
        score: of the features, as `class_score` makes it.
        blur: standard deviation of the smoothing in parts of the longer side; 0 = off.

    Returns:
        Maps, float32 (N, H, W) in [0, 1].

    Raises:
        InputError: `images` has another shape, or blur is negative.

    Source: Simonyan et al., "Deep inside convolutional networks", 2013, section 3.
    """
    if images.ndim != 4 or images.shape[1] != 3 or len(images) == 0:
        raise InputError(f"images must be (N, 3, H, W), got {tuple(images.shape)}")
    if blur < 0:
        raise InputError(f"blur must be 0 or more, got {blur}")
    starts = range(0, len(images), BATCH_SIZE)
    batches = [slice(start, start + BATCH_SIZE) for start in starts]
    with evaluating(backbone):
        raw = np.concatenate(
            [_gradients(backbone, images[rows], score, rows) for rows in batches]
        )
    sigma = blur * max(images.shape[2:])
    smooth = gaussian_filter(raw, (0, sigma, sigma)) if sigma else raw
    peak = smooth.max(axis=(1, 2), keepdims=True)
    return np.divide(smooth, peak, out=np.zeros_like(smooth), where=peak > 0)


def energy_inside(maps: NDArray[np.float32], masks: NDArray[np.bool_]) -> EnergyInside:
    """Measure the share of each map that lies inside a mask, and the mask's own share.

    Always read the two together: a large object holds much of any map. A map of zeros
    counts as one that looks at all pixels alike.

    Args:
        maps: float32 (N, H, W), 0 or more.
        masks: bool (N, H, W), True on the object. An empty mask gives NaN.

    Raises:
        InputError: shapes differ, a map has negative values, or all masks are empty.

    Source: the energy-based pointing game of Wang et al., "Score-CAM", 2020, with
    masks in place of boxes.
    """
    if maps.ndim != 3 or maps.shape != masks.shape or maps.size == 0:
        raise InputError(
            f"maps and masks must be (N, H, W), got {maps.shape} and {masks.shape}"
        )
    if not maps.min() >= 0:  # also catches NaN
        raise InputError(f"maps must be 0 or more, got {maps.min()}")
    inside = masks.astype(bool)
    if not inside.any():
        raise InputError("every mask is empty: there is no object to look at")
    area = inside.mean(axis=(1, 2))
    area[area == 0] = np.nan
    total = maps.sum(axis=(1, 2), dtype=np.float64)
    within = (maps * inside).sum(axis=(1, 2), dtype=np.float64)
    share = np.divide(within, total, out=area.copy(), where=total > 0)
    share[np.isnan(area)] = np.nan
    return EnergyInside(energy=share, area=area)


@torch.inference_mode(False)
@torch.enable_grad()
def _gradients(
    backbone: nn.Module, images: Tensor, score: Score, rows: slice
) -> NDArray[np.float32]:
    """Largest absolute derivative over the channels: (N, H, W)."""
    pixels = images.detach().clone().requires_grad_()
    # Half precision would round small derivatives to zero.
    with torch.autocast(images.device.type, enabled=False):
        total = score(backbone(pixels).float(), rows).sum()
    # In evaluation mode images do not mix, so the sum's derivative is each one's own.
    (gradient,) = torch.autograd.grad(total, pixels)
    return gradient.abs().amax(dim=1).cpu().numpy()
