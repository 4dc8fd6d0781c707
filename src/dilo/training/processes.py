"""The little that objectives need to know of there being several processes."""

import torch
import torch.distributed as dist
from torch import Tensor


def gather(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Join each tensor with those of all processes, along dimension 0.

    Every process must bring the same number of rows. On one process the tensors come
    back as they are.
    """
    if not dist.is_available() or not dist.is_initialized():
        return tensors
    return tuple(_gather(tensor) for tensor in tensors)


def mean(value: Tensor) -> Tensor:
    """Average a scalar over all processes; on one it comes back as it is."""
    if not dist.is_available() or not dist.is_initialized():
        return value
    return _gather(value.reshape(1)).mean()


def _gather(tensor: Tensor) -> Tensor:
    pieces = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(pieces, tensor.contiguous())
    return torch.cat(pieces)
