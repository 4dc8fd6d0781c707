"""The features of all images by the present backbone, between two epochs."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from dilo.augment import centre_view
from dilo.data.image_set import Examples
from dilo.errors import DiloError
from dilo.image import Image
from dilo.models.inference import undisturbed
from dilo.models.normalise import normalise
from dilo.pretrain.config import PretrainConfig
from dilo.progress import Progress
from dilo.training.loader import START_METHOD, start_worker
from dilo.training.processes import batch_order, gather, share_buffers
from dilo.training.worker_memory import check_shared_memory

BATCH_SIZE = 256  # of a process; nothing is kept for gradients


class Surveyor:
    """Compute the features of all images: an objective's `survey`."""

    def __init__(
        self,
        network: nn.Module,
        examples: Examples,
        config: PretrainConfig,
        fabric: Fabric,
    ) -> None:
        self.network = network
        self.examples = examples
        self.config = config
        self.fabric = fabric

    def __call__(self) -> Tensor:
        """Give the features: float32 (N, D), on the CPU, the same on every process.

        The row of an image that cannot be read is 0.
        """
        count = len(self.examples.names)
        processes, rank = self.fabric.world_size, self.fabric.global_rank
        # Every process brings as many rows, as gathering needs it; some come twice.
        indices = [
            min(place, count - 1) for place in range(rank, count + rank, processes)
        ]
        # Batch norm has seen other images on each process.
        share_buffers(self.network)
        chunks = []
        with (
            undisturbed(self.network),
            torch.no_grad(),
            self.fabric.autocast(),
            self._progress(count) as progress,
        ):
            for views, readable in self._batches(indices):
                features = self._features(views, readable)
                (joined,) = gather(features)
                chunks.append(batch_order(joined).cpu())
                if progress is not None:
                    done = min(len(joined), count - progress.done)
                    progress.advance(done)
        return torch.cat(chunks)[:count]

    def _features(self, views: Tensor, readable: Tensor) -> Tensor:
        views, readable = self.fabric.to_device((views, readable))
        images = normalise(views).contiguous(memory_format=torch.channels_last)
        return self.network(images).float() * readable[:, None]

    def _batches(self, indices: list[int]) -> DataLoader[Any]:
        workers, crop_size = self.config.loop.workers, self.config.model.crop_size
        count = min(BATCH_SIZE, len(indices))
        check_shared_memory(3 * crop_size**2 * count, workers)
        return DataLoader(
            CentreViews(self.examples, crop_size),
            batch_size=BATCH_SIZE,
            sampler=indices,
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=start_worker,
            multiprocessing_context=START_METHOD if workers else None,
        )

    def _progress(self, count: int) -> Progress | nullcontext[None]:
        if not self.fabric.is_global_zero:
            return nullcontext()
        return Progress("survey", count, "images")


class CentreViews(Dataset[tuple[Image, bool]]):
    """The central crop of each image, and whether the image could be read."""

    def __init__(self, examples: Examples, crop_size: int) -> None:
        self.examples = examples
        self.crop_size = crop_size

    def __getitem__(self, index: int) -> tuple[Image, bool]:
        """Give uint8 (S, S, 3), black where the image cannot be read."""
        try:
            image = self.examples[index].image
        except DiloError:
            return np.zeros((self.crop_size, self.crop_size, 3), np.uint8), False
        return centre_view(image, self.crop_size), True
