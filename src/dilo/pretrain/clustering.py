"""Whitening and k-means on any device, with the same answer on every process."""

import heapq
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dilo.errors import InputError
from dilo.models.inference import float64_device
from dilo.training.processes import gather

ITERATIONS = 20  # as in DeepCluster; with many clusters few rows move after that
CELLS = 2**25  # distances or similarities in memory at a time, 128 MiB


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Which cluster each row belongs to; none is empty."""

    labels: Tensor  # int64 (N,)
    centroids: Tensor  # float32 (K, D), the means of the rows

    def sizes(self) -> Tensor:
        """Count the rows of each cluster, int64 (K,)."""
        return torch.bincount(self.labels, minlength=len(self.centroids))


def cluster_count(asked: int, images: int) -> int:
    """Lower a number of clusters for a small set: two images in each, or more."""
    return max(1, min(asked, images // 2))


@torch.no_grad()
def kmeans(
    rows: Tensor, clusters: int, seed: tuple[int, ...], iterations: int = ITERATIONS
) -> Clusters:
    """Cluster rows from a start at random rows.

    Args:
        rows: float32 (N, D), the same on all processes, which all must call this.
        clusters: K; N of them, if there are fewer rows than that.
        seed: of the start; the result is a function of the rows and this.
        iterations: at most; fewer where no row moves any more.

    Raises:
        InputError: there are no rows, or no clusters are asked for.
    """
    if len(rows) == 0 or clusters < 1:
        raise InputError(f"cannot make {clusters} clusters of {len(rows)} rows")
    rng = np.random.default_rng(seed)
    start = rng.choice(len(rows), min(clusters, len(rows)), replace=False)
    found = lloyd(rows, rows[torch.from_numpy(start).to(rows.device)], iterations)
    # Another kind of GPU may round otherwise: all take what the first process found.
    labels, centroids = gather(found.labels, found.centroids)
    return Clusters(labels=labels[: len(rows)], centroids=centroids[: len(start)])


@torch.no_grad()
def lloyd(rows: Tensor, start: Tensor, iterations: int) -> Clusters:
    """Move centroids to the means of their nearest rows, at most `iterations` times.

    An empty cluster takes the row that lies farthest from the centroid of the largest.

    Args:
        rows: (N, D).
        start: the first centroids, (K, D), K <= N.
        iterations: at least 1.

    Source: Lloyd, "Least squares quantization in PCM", 1982. DeepCluster (Caron et al.,
        ECCV 2018, sec. 3.3) splits a random cluster instead of the largest.
    """
    centroids = start
    labels = torch.full((len(rows),), -1, device=rows.device)
    for _ in range(iterations):
        nearest = _fill_empty(rows, centroids, nearest_centroid(rows, centroids))
        if torch.equal(nearest, labels):
            break
        labels = nearest
        centroids = _means(rows, labels, len(start))
    return Clusters(labels=labels, centroids=centroids)


def nearest_centroid(rows: Tensor, centroids: Tensor) -> Tensor:
    """Give the number of the nearest centroid of each row, int64 (N,)."""
    squares = centroids.square().sum(dim=1)
    chunks = rows.split(max(1, CELLS // len(centroids)))
    return torch.cat(
        # |row|^2 is the same for all centroids.
        [torch.addmm(squares, c, centroids.T, alpha=-2).argmin(dim=1) for c in chunks]
    )


def _means(rows: Tensor, labels: Tensor, clusters: int) -> Tensor:
    """Average the rows of each cluster; none may be empty."""
    sizes = torch.bincount(labels, minlength=clusters)
    # Sorted sums are the same every time on a GPU, unlike atomic ones.
    order = labels.argsort(stable=True)
    return torch.segment_reduce(rows[order], "mean", lengths=sizes)


def _fill_empty(rows: Tensor, centroids: Tensor, labels: Tensor) -> Tensor:
    """Give each empty cluster one row of the one that is the largest by then."""
    sizes = torch.bincount(labels, minlength=len(centroids)).tolist()
    empty = [cluster for cluster, size in enumerate(sizes) if size == 0]
    if not empty:
        return labels
    distance = (rows - centroids[labels]).square().sum(dim=1)
    order = distance.argsort(stable=True)
    order = order[labels[order].argsort(stable=True)]  # by cluster, then by distance
    ends = np.cumsum(sizes)
    largest = [(-size, cluster) for cluster, size in enumerate(sizes) if size]
    heapq.heapify(largest)
    taken = []
    for _ in empty:
        size, cluster = largest[0]
        taken.append(ends[cluster] - 1)  # its farthest row that is left
        ends[cluster] -= 1
        heapq.heapreplace(largest, (size + 1, cluster))
    labels = labels.clone()
    targets = torch.tensor(empty, device=labels.device)
    labels[order[torch.tensor(taken, device=labels.device)]] = targets
    return labels


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
