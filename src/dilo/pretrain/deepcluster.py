"""Classify images by clusters that are found anew before every epoch."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dilo.models.heads import feature_dim
from dilo.models.normalise import normalise
from dilo.pretrain.clustering import cluster_count, kmeans, whiten
from dilo.pretrain.objective import ImageSetInfo, Objective
from dilo.pretrain.objective_configs import DeepClusterConfig
from dilo.training.config import LoopConfig

WHITENED = 256  # dimensions that are clustered, of the 2048 of ResNet-50
# Whitening makes the last directions, which are noise, as long as the first: so no
# larger a share is kept of narrower features. On 1000 scenes (conv6, 30 clusters) two
# clusterings in a row then agree by 0.50 after 8 epochs (NMI); with all kept, by 0.24.
SHARE = 8
# And it puts as many images as dimensions equally far apart: a small set has fewer.
IMAGES_PER_DIMENSION = 4
HEAD_STD = 0.01  # of a fresh head's weights
STREAM = 4  # keeps these draws apart from those of the same seed elsewhere


class DeepCluster(Objective):
    """Predict the cluster of an image among the clusters of all images' features.

    Before each epoch the features of all images are whitened, normalised and clustered
    by k-means; the head starts afresh, for cluster 5 has nothing to do with cluster 5
    of the epoch before. Each image counts by the inverse of the size of its cluster, so
    that large clusters gain nothing. This equals drawing the images evenly over the
    clusters, as the published program does (sec. 3.3 of its paper says so), but shows
    every image once in an epoch and leaves the order of images to the sampler.

    A small set has fewer clusters than the config asks for: two images in each or more.

    Source: Caron et al., "Deep clustering for unsupervised learning of visual
        features", ECCV 2018. There fc7 of AlexNet is clustered; here, what the backbone
        gives. The edges, dx and dy in two channels there, have their magnitude as a
        third.
    """

    head: nn.Linear
    labels: Tensor
    weights: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        info: ImageSetInfo,
        config: DeepClusterConfig,
        loop: LoopConfig,
    ) -> None:
        super().__init__()
        self.input = "sobel" if config.sobel else "rgb"
        self.backbone = backbone
        self.clusters = cluster_count(config.clusters, info.count)
        self.head = nn.Linear(feature_dim(backbone), self.clusters)
        self.seed = loop.seed
        self.chance_level = math.log(self.clusters)
        # Saved, for a training may stop in the middle of an epoch.
        self.register_buffer("labels", torch.arange(info.count) % self.clusters)
        self.register_buffer("weights", torch.ones(self.clusters))

    def forward(self, views: Tensor, index: Tensor) -> Tensor:
        """Give the loss.

        Args:
            views: uint8 (B, 1, H, W, 3).
            index: int64 (B,), which images they show.
        """
        features = self.backbone(normalise(views[:, 0]))  # (B, D)
        labels = self.labels[index]
        losses = F.cross_entropy(self.head(features), labels, reduction="none")
        # Not divided by the weights in the batch, or the division of a batch among
        # processes would matter.
        return (losses * self.weights[labels]).mean()

    @torch.no_grad()
    def start_epoch(self, epoch: int) -> None:
        """Cluster the features of all images, and start with a fresh head."""
        features = self.survey()
        count, width = features.shape
        dims = min(WHITENED, width // SHARE, count // IMAGES_PER_DIMENSION)
        rows = whiten(features, dims, self.labels.device)
        rows = F.normalize(rows, dim=1)
        found = kmeans(rows, self.clusters, (self.seed, epoch, 0, STREAM))
        self.labels.copy_(found.labels)
        self.weights.copy_(inverse_sizes(found.labels, self.clusters))
        rng = np.random.default_rng((self.seed, epoch, 1, STREAM))
        fresh = rng.normal(0, HEAD_STD, self.head.weight.shape)
        self.head.weight.copy_(torch.from_numpy(fresh))
        self.head.bias.zero_()

    def fresh_parameters(self) -> Sequence[nn.Parameter]:
        """Give what `start_epoch` starts afresh, without a momentum from before."""
        return list(self.head.parameters())


def inverse_sizes(labels: Tensor, clusters: int) -> Tensor:
    """Weigh clusters by the inverse of their sizes: (N,) -> float32 (K,).

    The mean over all images of the weights of their clusters is 1.
    """
    sizes = torch.bincount(labels, minlength=clusters)
    return len(labels) / (clusters * sizes.clamp(min=1)).float()
