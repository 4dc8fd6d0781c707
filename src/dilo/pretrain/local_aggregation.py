"""Draw images together with their close neighbours in the memory bank."""

from typing import Any

import torch
from torch import Tensor, nn

from dilo.pretrain.clustering import CELLS, cluster_count, kmeans
from dilo.pretrain.instdisc import InstDisc
from dilo.pretrain.objective import ImageSetInfo
from dilo.pretrain.objective_configs import LocalAggregationConfig
from dilo.training.config import LoopConfig

PROBED = 256  # images whose close neighbours are counted, for the chance level
STREAM = 5  # keeps these draws apart from those of the same seed elsewhere


class LocalAggregation(InstDisc):
    """Tell the neighbours of an image that share its clusters from those that do not.

    For some epochs it is instance discrimination, with the softmax that our baseline
    uses; the published program has noise-contrastive estimation there. After that, of
    the bank rows nearest to an image (B), those that share a cluster with it in any of
    several k-means runs on the bank (C) are to be more probable than the others.

    The image's own row is close to itself, as in the publication, and it counts among
    the nearest even where it is not, which is seldom: so C and B always meet, where
    the published program takes the logarithm of 1e-7 and gives no gradient.

    A small set has fewer clusters than the config asks for: two images in each or more.

    Source: Zhuang et al., "Local aggregation for unsupervised learning of visual
        embeddings", ICCV 2019.
    """

    clusters: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        info: ImageSetInfo,
        config: LocalAggregationConfig,
        loop: LoopConfig,
    ) -> None:
        super().__init__(backbone, info, config, loop)
        count = info.count
        # Saved, for a training may stop in the middle of an epoch: (runs, N).
        alone = torch.arange(count, dtype=torch.int32)
        self.register_buffer("clusters", alone.repeat(config.cluster_runs, 1))
        self.cluster_count = cluster_count(config.clusters, count)
        self.neighbours = min(config.close_neighbours, count)
        self.warmup_epochs = config.warmup_epochs
        self.seed = loop.seed
        self.epoch = 0

    def contrast(self, features: Tensor, index: Tensor) -> Tensor:
        """Give the loss of embeddings (B, D) of the images `index` (B,)."""
        if self.epoch < self.warmup_epochs:
            return super().contrast(features, index)
        scaled = features / self.temperature
        rows = self.bank.rows
        return local_loss(scaled, rows, index, self.clusters, self.neighbours)

    def start_epoch(self, epoch: int) -> None:
        """Cluster the bank, once it is trained enough; the survey is not needed."""
        self.epoch = epoch
        if epoch < self.warmup_epochs:
            return
        for run, labels in enumerate(self.clusters):
            seed = (self.seed, epoch, run, STREAM)
            labels.copy_(kmeans(self.bank.rows, self.cluster_count, seed).labels)
        self.chance_level = chance_level(self.clusters, self.neighbours)

    def get_extra_state(self) -> dict[str, Any]:
        """Save the step, which the draws depend on, and how far the training is."""
        return {"step": self.step, "epoch": self.epoch, "chance": self.chance_level}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the step, the epoch and its chance level."""
        self.step, self.epoch = state["step"], state["epoch"]
        self.chance_level = state["chance"]


def local_loss(
    scaled: Tensor, rows: Tensor, index: Tensor, clusters: Tensor, neighbours: int
) -> Tensor:
    """Give the mean of -log(p(C and B) / p(B)), where p_j ~ exp(row_j . scaled).

    Args:
        scaled: L2-normalised embeddings divided by the temperature, (B, D).
        rows: of the bank, (N, D), constant.
        index: int64 (B,), which rows are the images' own.
        clusters: (R, N), the cluster of each row in each of R runs.
        neighbours: rows in B, at most N.

    Source: Zhuang et al., ICCV 2019, eqs. 2 and 3.
    """
    chunk = max(1, CELLS // len(rows))
    losses = [
        _local_losses(own_scaled @ rows.T, own, clusters, neighbours)
        for own_scaled, own in zip(scaled.split(chunk), index.split(chunk), strict=True)
    ]
    return torch.cat(losses).mean()


def _local_losses(
    similarity: Tensor, index: Tensor, clusters: Tensor, neighbours: int
) -> Tensor:
    """Do it for a few images: (b, N) -> (b,)."""
    # Keeping the places alone, not the rows at them, needs the least memory.
    first = similarity.detach().scatter(1, index[:, None], torch.inf)
    near = first.topk(neighbours, sorted=False).indices  # (b, M)
    close = torch.zeros_like(near, dtype=torch.bool)
    for labels in clusters:
        close |= labels[near] == labels[index][:, None]
    logits = similarity.gather(1, near)
    shared = logits.masked_fill(~close, -torch.inf).logsumexp(dim=1)
    return logits.logsumexp(dim=1) - shared


def chance_level(clusters: Tensor, neighbours: int) -> float:
    """Give the loss where all rows are equally probable and near by chance.

    The mean over images of log(|B| / |C and B|), with as many of the rows near an image
    close to it as of all rows, and its own. Of more than `PROBED` images only so many
    are looked at.

    Args:
        clusters: (R, N), the cluster of each row in each run.
        neighbours: rows in B.
    """
    count = clusters.shape[1]
    probed = torch.arange(0, count, max(1, count // PROBED), device=clusters.device)
    close = torch.stack(
        [(clusters == clusters[:, image, None]).any(dim=0).sum() for image in probed]
    )
    others = (close - 1) * ((neighbours - 1) / max(1, count - 1))
    return float((neighbours / (1 + others)).log().mean())
