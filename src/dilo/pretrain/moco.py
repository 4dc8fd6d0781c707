"""Momentum contrast with a queue of keys: MoCo v1 and v2 (paper, section 5.1)."""

import copy
import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dilo.models.heads import feature_dim, linear_head, mlp_head
from dilo.models.normalise import normalise
from dilo.pretrain.grouped import Shuffle, count_groups, encode_groups
from dilo.pretrain.losses import softmax_nce
from dilo.pretrain.memory import KeyQueue
from dilo.pretrain.objective import ImageSetInfo, Objective
from dilo.pretrain.objective_configs import MoCoV1Config, MoCoV2Config
from dilo.progress import notify
from dilo.training.config import LoopConfig
from dilo.training.processes import batch_order, gather, is_first


class MoCo(Objective):
    """Find the other view's key among the keys of earlier images.

    Keys come from a copy of the network that follows it slowly. The own key is never
    among the negatives: it enters the queue after the step, and older keys of the same
    image do not count. (The published program counts them; on ImageNet an image's old
    key has left the queue long before its next turn, but a small set fits into it.)

    Source: He et al., "Momentum contrast for unsupervised visual representation
        learning", CVPR 2020, algorithm 1.
    """

    views = 2

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        config: MoCoV1Config,
        loop: LoopConfig,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.key_encoder = copy.deepcopy(nn.Sequential(backbone, head))
        self.key_encoder.requires_grad_(requires_grad=False)
        self.queue = KeyQueue(config.negatives, config.embedding_dim, loop.seed)
        self.temperature = config.temperature
        # A micro-batch has its part of the groups, but two, or a shuffle changes none.
        self.groups = max(
            min(2, config.shuffle_groups), config.shuffle_groups // loop.accumulate
        )
        self.seed = loop.seed
        self._count_choices()
        self.register_load_state_dict_post_hook(MoCo._count_choices)
        # Found once: walking through the modules at each step takes milliseconds.
        self._slow = list(self.key_encoder.parameters())
        self._fast = [*backbone.parameters(), *head.parameters()]
        self._follow = get_ema_multi_avg_fn(config.key_momentum)

    def forward(self, views: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        """Give (loss, keys, index).

        Args:
            views: uint8 (B, 2, H, W, 3).
            index: int64 (B,), which images they show.
        """
        count = len(views)
        groups = count_groups(self.groups, count)
        query = encode_groups(self._encode, views[:, 0], groups)
        with torch.no_grad():
            shuffle = Shuffle.draw(count, self.seed, self.step, views.device)
            key = shuffle.encode(self._encode_key, views[:, 1], groups)
        # Similarities decide between thousands of rows, for which bf16 is too coarse.
        with torch.autocast(views.device.type, enabled=False):
            query = F.normalize(query.float(), dim=1)  # (B, D)
            key = F.normalize(key.float(), dim=1)  # (B, D)
            own = index[:, None] == self.queue.index  # (B, K)
            loss = softmax_nce(query, key, self.queue.rows, self.temperature, own)
        return loss, key, index

    def update(self, keys: Tensor, index: Tensor) -> None:
        """Let the slow copy follow, and the oldest keys give way to new ones."""
        self._follow(self._slow, self._fast, 0)
        gathered = gather(keys, index)
        self.queue.push(*(batch_order(tensor) for tensor in gathered))
        super().update()

    def _count_choices(self, *_: object) -> None:
        """Say what chance is; a queue that was saved may be longer than this one."""
        self.chance_level = math.log(len(self.queue) + 1)

    def _encode(self, views: Tensor) -> Tensor:
        return self.head(self.backbone(normalise(views)))

    def _encode_key(self, views: Tensor) -> Tensor:
        return self.key_encoder(normalise(views))


def _fitted(config: MoCoV1Config, info: ImageSetInfo) -> MoCoV1Config:
    """Shorten a queue in which images would lie more than once, and say so.

    Older keys of an image tell of a network that has changed since, and until the queue
    is full the rest of it is random.
    """
    if config.negatives <= info.count:
        return config
    if is_first():
        notify(
            f"{config.name}: the queue holds {info.count} keys, not negatives="
            f"{config.negatives}: there are {info.count} images"
        )
    return replace(config, negatives=info.count)


def moco_v1(
    backbone: nn.Module, info: ImageSetInfo, config: MoCoV1Config, loop: LoopConfig
) -> MoCo:
    """MoCo with a linear head; of any images."""
    head = linear_head(feature_dim(backbone), config.embedding_dim)
    return MoCo(backbone, head, _fitted(config, info), loop)


def moco_v2(
    backbone: nn.Module, info: ImageSetInfo, config: MoCoV2Config, loop: LoopConfig
) -> MoCo:
    """MoCo with a head of two layers; of any images.

    The rest of version 2 (temperature, augmentation, cosine) is its recipe.

    Source: Chen et al., "Improved baselines with momentum contrastive learning", 2020.
    """
    head = mlp_head(feature_dim(backbone), config.embedding_dim)
    return MoCo(backbone, head, _fitted(config, info), loop)
