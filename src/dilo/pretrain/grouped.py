"""Batch norm over groups of a batch, and shuffles between them: MoCo's shuffled BN.

Batch norm tells every image something about the others of its batch. Where a query and
its key are normalised among the same images, a network finds the key by that, instead
of by what the image shows. So batch norm treats groups of the batch by themselves, and
keys are grouped otherwise than queries. On several processes the groups are those of
each process; here they are as right on one.

Source: He et al., CVPR 2020, sec. 3.3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from dilo.models.inference import to_device
from dilo.training.processes import gather, process_count


def count_groups(groups: int, images: int) -> int:
    """Count the groups of a process's share: of the whole batch's `groups`, its part.

    Args:
        groups: of the whole batch, over all processes.
        images: of this process's share; each group has at least two of them.
    """
    return max(1, min(groups // process_count(), images // 2))


def encode_groups(
    encoder: Callable[[Tensor], Tensor], views: Tensor, groups: int
) -> Tensor:
    """Encode a batch, with batch norm over groups of it: (B, ...) -> (B, D).

    Image i is in group i % `groups`. So the groups of one process are those of several,
    among which a batch is dealt out in the same way.
    """
    if groups == 1:
        return encoder(views)
    parts = [views[group::groups] for group in range(groups)]
    with GroupedBatchNorm([len(part) for part in parts]):
        features = encoder(torch.cat(parts))
    size, larger = divmod(len(views), groups)
    place = torch.arange(len(views), device=views.device)
    group = place % groups
    # The first `larger` groups have one image more.
    row = group * size + group.clamp(max=larger) + place // groups
    return features.index_select(0, row)


@dataclass(frozen=True, kw_only=True)
class Shuffle:
    """A permutation of the images of all processes, and its inverse."""

    deal: Tensor  # int64 (B,): rows of all processes' images that this one encodes
    recall: Tensor  # int64 (B,): rows of all processes' results that are of its images

    @classmethod
    def draw(cls, images: int, seed: int, step: int, device: torch.device) -> "Shuffle":
        """Draw the permutation of a step, the same on every process.

        Args:
            images: of this process's share, B; equal on all processes.
            seed: of the training.
            step: the permutation is a function of the seed and this.
            device: where the views are.
        """
        processes = process_count()
        process = dist.get_rank() if processes > 1 else 0
        # The trailing 3 keeps the shuffles apart from the other streams of the seed.
        rng = np.random.default_rng((seed, step, 0, 3))
        order = rng.permutation(images * processes)
        own = slice(process, None, processes)

        def rows(positions: NDArray[np.int64]) -> Tensor:
            # The image at position i of the batch is row i // P of process i % P.
            row = positions % processes * images + positions // processes
            return to_device(row, device)

        return cls(deal=rows(order[own]), recall=rows(np.argsort(order)[own]))

    def encode(
        self, encoder: Callable[[Tensor], Tensor], views: Tensor, groups: int
    ) -> Tensor:
        """Encode groups of permuted images: (B, ...) -> (B, D), in the old order."""
        (everyone,) = gather(views)
        encoded = encode_groups(encoder, everyone.index_select(0, self.deal), groups)
        (results,) = gather(encoded)
        return results.index_select(0, self.recall)


class GroupedBatchNorm(TorchFunctionMode):
    """Within `with`, batch norm in training mode treats groups by themselves.

    It takes the place of `F.batch_norm`, which all layers call, those of timm and
    torchvision too; so networks, their weights and their names stay as they are. The
    running averages move once for the whole batch, by equal parts of each group.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = list(sizes)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call `func`, or what replaces it."""
        kwargs = kwargs or {}
        if func is not F.batch_norm or not kwargs["training"]:
            return func(*args, **kwargs)
        images, mean, variance = args
        momentum = kwargs["momentum"] / len(self.sizes)
        return torch.cat(
            [
                F.batch_norm(part, mean, variance, **{**kwargs, "momentum": momentum})
                for part in images.split(self.sizes)
            ]
        )
