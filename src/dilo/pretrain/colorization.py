"""Predict the colours of a grey image (paper, section 3)."""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dilo.models.normalise import normalise
from dilo.models.spatial import feature_map, find_map_layer, parameters_behind
from dilo.pretrain.objective import ImageSetInfo, Objective
from dilo.pretrain.objective_configs import ColorizationConfig
from dilo.training.config import LoopConfig
from dilo.training.processes import gather

HIDDEN = 256  # channels of the decoder
FINE = 4  # colours that each place of the feature map predicts the mix of, a side


class Colorization(Objective):
    """Predict from brightness how a place's colours spread over bins of the ab plane.

    Two 1x1 convolutions on the last feature map predict; the published network has
    layers of its own that keep a resolution of a quarter of the image. With any
    backbone, the map is coarser: its places then answer for the mix of the colours of
    4x4 patches, so that two colours in one place do not turn into their mean.

    Colours count by the inverse of how frequent they are. The published program counts
    them in advance; here they are counted in the first epoch, from views, with what is
    known until then, and stay fixed from then on.

    Fully connected layers behind the map, as in AlexNet and VGG, are not trained: read
    the features of such a backbone from its convolutions.

    Source: Zhang, Isola, Efros, "Colorful image colorization", ECCV 2016.
    """

    input = "grey"
    bins: Tensor
    counts: Tensor
    weights: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        info: ImageSetInfo,
        config: ColorizationConfig,
        loop: LoopConfig,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.layer = find_map_layer(backbone)
        for parameter in parameters_behind(backbone, self.layer):
            parameter.requires_grad = False
        bins = gamut_bins()
        self.head = nn.Sequential(
            nn.Conv2d(self.layer.channels, HIDDEN, 1, bias=False),
            nn.BatchNorm2d(HIDDEN),
            nn.ReLU(inplace=True),
            nn.Conv2d(HIDDEN, len(bins), 1),
        )
        self.chance_level = math.log(
            len(bins)
        )  # of bins that all seem equally probable
        self.images = info.count
        self.seen = 0
        self.register_buffer("bins", bins.clone(), persistent=False)
        self.register_buffer("counts", torch.zeros(len(bins)))
        self.register_buffer("weights", torch.ones(len(bins)))

    def forward(self, views: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Give (loss, how the colours of each image spread over the bins).

        Args:
            views: uint8 (B, 1, H, W, 3).
            index: int64 (B,), which images they show; the task is the same for all.
        """
        maps = feature_map(self.backbone, self.layer, normalise(views[:, 0]))
        logits = self.head(maps).permute(0, 2, 3, 1).flatten(1, 2)  # (B, P, Q)
        with torch.autocast(views.device.type, enabled=False):
            side = maps.shape[2:]
            target, spread = colour_targets(views[:, 0], side, self.bins, self.weights)
            loss = -(target * logits.float().log_softmax(dim=2)).sum(dim=2).mean()
        return loss, spread

    def update(self, spread: Tensor) -> None:
        """Count the colours, until as many views as there are images were seen."""
        if self.seen >= self.images:
            return
        (joined,) = gather(spread)
        self.seen += len(joined)
        self.counts += joined.sum(dim=0)
        self.weights.copy_(rebalancing(self.counts / self.counts.sum()))

    def get_extra_state(self) -> int:
        """Save how many views were counted."""
        return self.seen

    def set_extra_state(self, state: int) -> None:
        """Restore how many views were counted."""
        self.seen = state


def colour_targets(
    views: Tensor, side: torch.Size, bins: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Spread the colours of each place of a map over the bins.

    Args:
        views: uint8 (B, H, W, 3).
        side: (h, w) of the map.
        bins: centres of the bins, (Q, 2).
        weights: of the bins; a patch has the weight of the bin nearest to its colour.

    Returns:
        The weighted mean of the patches of each place, (B, h w, Q), and the plain mean
        of all patches, (B, Q).
    """
    count, height, width = views.shape[:3]
    across, along = (
        max(1, min(FINE, pixels // places))
        for pixels, places in zip((height, width), side, strict=True)
    )
    planes = views.permute(0, 3, 1, 2).float() / 255
    # Patches are averaged before the conversion, as in reducing an image.
    fine = F.adaptive_avg_pool2d(planes, (side[0] * across, side[1] * along))
    places = fine.unflatten(2, (side[0], across)).unflatten(4, (side[1], along))
    patches = places.permute(0, 2, 4, 3, 5, 1).reshape(-1, 3)  # (B h w patches, 3)
    chosen, shares = soft_encode(rgb_to_lab(patches)[:, 1:], bins)
    weighted = shares * weights[chosen[:, :1]]
    shape = (count, side.numel(), across * along * chosen.shape[1])
    chosen = chosen.reshape(shape)
    plain, target = (
        torch.zeros(*shape[:2], len(bins), device=views.device).scatter_add(
            2, chosen, part.reshape(shape) / (across * along)
        )
        for part in (shares, weighted)
    )
    return target, plain.mean(dim=1)


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
