"""What becomes of the features while a network trains, and whether they collapse.

Measured on a sample that stays the same, two views of each image, by the backbone in
evaluation mode. So every objective can be compared with every other.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from lightning.fabric import Fabric
from torch import Tensor, nn

from dilo.cores import in_threads
from dilo.errors import DiloError
from dilo.models.inference import float64_device
from dilo.models.normalise import normalise
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.views import Views
from dilo.progress import notify

# 1,024 views through the forward pass alone: of ImageNet's epoch a 3,000th.
SAMPLE = 512
# On small sets less, so that the passes stay about a hundredth of an epoch's; but with
# few images the rank could not rise. With 2,400 images they are two hundredths.
SHARE, SMALLEST = 64, 64
BATCH_SIZE = 128

# Random networks, which nobody calls collapsed, spread by 0.026 to 0.6, at ranks from
# 4 to 130. One trained to make all features equal was at 0.014 after 30 steps.
COLLAPSED_SPREAD = 0.015
COLLAPSED_RANK = 1.5


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """How features of unit length lie on their sphere."""

    alignment: float  # mean squared distance of two views of an image: 0 is best
    uniformity: float  # log of the mean of exp(-2 d^2) over pairs of images: 0 is worst
    # Root mean square distance to the mean feature: features after a ReLU all point
    # into one corner, so only what remains without the mean tells images apart.
    spread: float
    # exp of the entropy of the covariance's spectrum: how many directions are used
    effective_rank: float


def geometry(first: Tensor, second: Tensor) -> Geometry:
    """Measure the features (N, D) of two views of N > 1 images, of any length.

    Sources: alignment and uniformity: Wang and Isola, "Understanding contrastive
        representation learning through alignment and uniformity on the hypersphere",
        ICML 2020. Effective rank: Roy and Vetterli, "The effective rank", EUSIPCO 2007.
    """
    device = float64_device(first.device)
    first, second = (
        F.normalize(each.to(device, torch.float64), dim=1) for each in (first, second)
    )
    centred = first - first.mean(dim=0)
    variances = torch.linalg.svdvals(centred).square()
    total = variances.sum()
    shares = variances / total if total > 0 else variances[:1] * 0 + 1
    entropy = -torch.special.xlogy(shares, shares).sum()
    closeness = torch.pdist(first).square().mul(-2).exp().mean()
    return Geometry(
        alignment=(first - second).square().sum(dim=1).mean().item(),
        uniformity=closeness.log().item(),
        spread=math.sqrt(total.item() / len(first)),
        effective_rank=entropy.exp().item(),
    )


def is_collapsed(numbers: Mapping[str, float]) -> bool:
    """Tell by spread and effective_rank whether features hardly tell images apart."""
    healthy = (
        numbers["spread"] >= COLLAPSED_SPREAD
        and numbers["effective_rank"] >= COLLAPSED_RANK
    )
    return not healthy  # also where they are no numbers


def collapse_warning(metrics: Sequence[Mapping[str, Any]]) -> str | None:
    """Say whether the features are collapsed by the last of the lines that tell it."""
    measured = [line for line in metrics if "effective_rank" in line]
    if not measured or not is_collapsed(measured[-1]):
        return None
    last = measured[-1]
    return (
        f"the features have collapsed: they hardly tell images apart after epoch "
        f"{last['epoch']:.0f} (spread {last['spread']:.2g}, effective rank "
        f"{last['effective_rank']:.2g}); a smaller lr, other views or more negatives "
        "may keep them apart"
    )


class Monitor:
    """Measure the geometry of a backbone's features."""

    def __init__(self, network: nn.Module, views: Views, fabric: Fabric) -> None:
        self.network = network
        self.fabric = fabric
        self._source = replace(views, views=2)
        self._views: Tensor | None = None  # uint8 (2, N, S, S, 3)

    def measure(
        self, epoch: int, config: PretrainConfig, name: str
    ) -> dict[str, float]:
        """Measure after so many epochs if it is time, and warn of a collapse."""
        every, epochs = config.monitor_epochs, config.loop.epochs
        if not every or (epoch % every and epoch != epochs):
            return {}
        numbers = self()
        warning = collapse_warning([{"epoch": epoch, **numbers}])
        if warning is not None:
            notify(f"{name}: {warning}")
        return numbers

    @torch.no_grad()
    def __call__(self) -> dict[str, float]:
        """Measure; nothing, where fewer than two images of the sample can be read.

        Nor where features are no numbers: the training is about to end for its loss.
        The network is used in the mode that it is in.
        """
        if self._views is None:
            self._views = self._make_views()
        if self._views.shape[1] < 2:
            return {}
        features = [self._features(views) for views in self._views]
        if not all(each.isfinite().all() for each in features):
            return {}
        return vars(geometry(*features))

    def _features(self, views: Tensor) -> Tensor:
        chunks = []
        for part in views.split(BATCH_SIZE):
            images = normalise(self.fabric.to_device(part))
            images = images.contiguous(memory_format=torch.channels_last)
            with self.fabric.autocast():
                chunks.append(self.network(images).float())
        return torch.cat(chunks).cpu()

    def _make_views(self) -> Tensor:
        """Make the views that this training would see in one more epoch."""
        source = self._source
        count = len(source.examples.names)
        size = min(count, SAMPLE, max(SMALLEST, count // SHARE))
        # The trailing 2 keeps this stream apart from those of orders and views.
        rng = np.random.default_rng((source.seed, 0, 0, 2))
        chosen = sorted(rng.permutation(count)[:size].tolist())
        # What cannot be read is reported when its turn comes in the training.
        made = in_threads(lambda index: source[source.epochs, index][0], chosen, None)
        stacks = [views for _, views in made if not isinstance(views, DiloError)]
        shape = (0, 2, source.crop_size, source.crop_size, 3)
        views = np.stack(stacks) if stacks else np.zeros(shape, np.uint8)
        return torch.from_numpy(views).transpose(0, 1).contiguous()
