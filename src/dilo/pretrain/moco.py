"""Momentum contrast with a queue of keys: MoCo v1 and v2 (paper, section 5.1)."""

import copy
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dilo.models.heads import feature_dim, linear_head, mlp_head
from dilo.models.normalise import normalise
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.grouped import Shuffle, count_groups, encode_groups
from dilo.pretrain.losses import softmax_nce
from dilo.pretrain.queue import KeyQueue
from dilo.pretrain.stepped import Stepped
from dilo.pretrain.subject import Subject
from dilo.training.processes import batch_order, gather


class MoCo(Stepped):
    """Find the other view's key among the keys of earlier images.

    Keys come from a copy of the network that follows it slowly. The own key is never
    among the negatives: it enters the queue after the step, and older keys of the same
    image do not count. (The published program counts them; on ImageNet an image's old
    key has left the queue long before its next turn, but a small set fits into it.)

    Source: He et al., "Momentum contrast for unsupervised visual representation
        learning", CVPR 2020, algorithm 1.
    """

    views = 2
    input = "rgb"

    def __init__(
        self, backbone: nn.Module, head: nn.Module, config: PretrainConfig
    ) -> None:
        """Make the slow copy of `backbone` and `head`, and the queue."""
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.key_encoder = copy.deepcopy(nn.Sequential(backbone, head))
        self.key_encoder.requires_grad_(requires_grad=False)
        self.queue = KeyQueue(config.negatives, config.embedding_dim, config.seed)
        self.temperature = config.temperature
        # A micro-batch has its part of the groups, but two, or a shuffle changes none.
        self.groups = max(
            min(2, config.shuffle_groups), config.shuffle_groups // config.accumulate
        )
        self.seed = config.seed
        self.chance = math.log(config.negatives + 1)
        # Found once: walking through the modules at each step takes milliseconds.
        self._slow = list(self.key_encoder.parameters())
        self._fast = [*backbone.parameters(), *head.parameters()]
        self._follow = get_ema_multi_avg_fn(config.key_momentum)

    def forward(self, views: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Give (loss, keys); call `update(keys, index)` after the optimizer's step.

        Args:
            views: uint8 (2, B, H, W, 3).
            index: int64 (B,), which images they show.
        """
        count = views.shape[1]
        groups = count_groups(self.groups, count)
        query = encode_groups(self._encode, views[0], groups)
        with torch.no_grad():
            shuffle = Shuffle.draw(count, self.seed, self.step, views.device)
            key = shuffle.encode(self._encode_key, views[1], groups)
        # Similarities decide between thousands of rows, for which bf16 is too coarse.
        with torch.autocast(views.device.type, enabled=False):
            query = F.normalize(query.float(), dim=1)  # (B, D)
            key = F.normalize(key.float(), dim=1)  # (B, D)
            own = index[:, None] == self.queue.index  # (B, K)
            loss = softmax_nce(query, key, self.queue.rows, self.temperature, own)
        return loss, key

    def update(self, keys: Tensor, index: Tensor) -> None:
        """Let the slow copy follow, and the oldest keys give way to new ones."""
        self._follow(self._slow, self._fast, 0)
        gathered = gather(keys, index)
        self.queue.push(*(batch_order(tensor) for tensor in gathered))
        self.step += 1

    def _encode(self, views: Tensor) -> Tensor:
        return self.head(self.backbone(normalise(views)))

    def _encode_key(self, views: Tensor) -> Tensor:
        return self.key_encoder(normalise(views))


def moco_v1(backbone: nn.Module, subject: Subject, config: PretrainConfig) -> MoCo:
    """MoCo with a linear head; of any images."""
    return _build(linear_head, backbone, config)


def moco_v2(backbone: nn.Module, subject: Subject, config: PretrainConfig) -> MoCo:
    """MoCo with a head of two layers; of any images.

    The rest of version 2 (temperature, augmentation, cosine) is its recipe.

    Source: Chen et al., "Improved baselines with momentum contrastive learning", 2020.
    """
    return _build(mlp_head, backbone, config)


def _build(
    make_head: Callable[[int, int], nn.Module],
    backbone: nn.Module,
    config: PretrainConfig,
) -> MoCo:
    head = make_head(feature_dim(backbone), config.embedding_dim)
    return MoCo(backbone, head, config)
