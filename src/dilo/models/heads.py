"""Projections on top of a backbone's pooled features: (N, D) -> (N, E)."""

from torch import nn


def feature_dim(backbone: nn.Module) -> int:
    """Give D of the backbone's features (N, D)."""
    assert isinstance(backbone.dim, int)
    return backbone.dim


def linear_head(dim: int, embedding_dim: int) -> nn.Module:
    """One linear layer (InstDisc, MoCo v1)."""
    return nn.Linear(dim, embedding_dim)


def mlp_head(dim: int, embedding_dim: int) -> nn.Module:
    """Two layers with a ReLU between, as wide as the features (MoCo v2).

    Source: Chen et al., "Improved baselines with momentum contrastive learning", 2020.
    """
    return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, embedding_dim))
