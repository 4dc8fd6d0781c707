"""Pixel-gradient maps: which pixels would change a score most, if they changed?"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from dilo.errors import InputError
from dilo.models.inference import evaluating

# Deviation of the smoothing, of the longer side: 7 pixels at 224. Raw gradients are
# grainy and show the strides as a grid; the share of energy on the object hardly
# depends on this.
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


def gradient_map(
    backbone: nn.Module, images: Tensor, weights: Tensor
) -> NDArray[np.float32]:
    """Map how strongly each pixel bears on a weighted sum of its image's features.

    The largest absolute derivative over the channels, smoothed, then scaled so that
    the largest value of each map is 1. A sum that no pixel bears on gives zeros.

    Args:
        backbone: maps images to features; used in evaluation mode, left as it was.
        images: normalised float32 (N, 3, H, W), on the backbone's device.
        weights: of the features, (N, D), there too: `probe.weight[classes]` asks for
            the score of a class, true or predicted, before the softmax.

    Returns:
        Maps, float32 (N, H, W) in [0, 1].

    Raises:
        InputError: `images` or `weights` has another shape.

    Source: Simonyan et al., "Deep inside convolutional networks", 2013, section 3.
    """
    if images.ndim != 4 or images.shape[1] != 3 or len(images) == 0:
        raise InputError(f"images must be (N, 3, H, W), got {tuple(images.shape)}")
    if len(weights) != len(images):
        raise InputError(f"{len(images)} images but weights for {len(weights)}")
    batches = zip(images.split(BATCH_SIZE), weights.split(BATCH_SIZE), strict=True)
    with evaluating(backbone):
        raw = np.concatenate([_gradients(backbone, *batch) for batch in batches])
    sigma = BLUR * max(images.shape[2:])
    smooth = gaussian_filter(raw, (0, sigma, sigma))
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
    backbone: nn.Module, images: Tensor, weights: Tensor
) -> NDArray[np.float32]:
    """Largest absolute derivative over the channels: (N, H, W)."""
    pixels = images.detach().clone().requires_grad_()
    # Half precision would round small derivatives to zero.
    with torch.autocast(images.device.type, enabled=False):
        features = backbone(pixels).float()
    # In evaluation mode images do not mix: each derivative is its image's own.
    (gradient,) = torch.autograd.grad(features, pixels, weights.detach().clone())
    return gradient.abs().amax(dim=1).cpu().numpy()
