"""Predict the colours of a grey image (paper, section 3)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dilo.models.normalise import normalise
from dilo.models.spatial import feature_map, find_map_layer, parameters_behind
from dilo.pretrain.colour_bins import gamut_bins, rebalancing, rgb_to_lab, soft_encode
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.subject import Subject
from dilo.training.loop import Survey
from dilo.training.processes import gather

HIDDEN = 256  # channels of the decoder
FINE = 4  # colours that each place of the feature map predicts the mix of, a side


class Colorization(nn.Module):
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

    views = 1
    input = "grey"
    bins: Tensor
    counts: Tensor
    weights: Tensor

    def __init__(
        self, backbone: nn.Module, subject: Subject, config: PretrainConfig
    ) -> None:
        """Put a decoder on the last feature map of `backbone`.

        Raises:
            InputError: the backbone has no feature map.
        """
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
        self.chance = math.log(len(bins))  # of bins that all seem equally probable
        self.images = subject.count
        self.seen = 0
        self.register_buffer("bins", bins.clone(), persistent=False)
        self.register_buffer("counts", torch.zeros(len(bins)))
        self.register_buffer("weights", torch.ones(len(bins)))

    def forward(self, views: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Give (loss, how the colours of each image spread over the bins).

        Args:
            views: uint8 (1, B, H, W, 3).
            index: int64 (B,), which images they show; the task is the same for all.
        """
        maps = feature_map(self.backbone, self.layer, normalise(views[0]))
        logits = self.head(maps).permute(0, 2, 3, 1).flatten(1, 2)  # (B, P, Q)
        with torch.autocast(views.device.type, enabled=False):
            side = maps.shape[2:]
            target, spread = colour_targets(views[0], side, self.bins, self.weights)
            loss = -(target * logits.float().log_softmax(dim=2)).sum(dim=2).mean()
        return loss, spread

    def update(self, spread: Tensor, index: Tensor) -> None:
        """Count the colours, until as many views as there are images were seen."""
        if self.seen >= self.images:
            return
        (joined,) = gather(spread)
        self.seen += len(joined)
        self.counts += joined.sum(dim=0)
        self.weights.copy_(rebalancing(self.counts / self.counts.sum()))

    def start_epoch(self, epoch: int, survey: Survey) -> None:
        """Prepare nothing."""

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
