"""Features once, for all scores: decode, take the test view, run the backbone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dilo.augment import centre_view
from dilo.cores import available_cores, in_threads
from dilo.data.labels import LabelledImages
from dilo.errors import DiloError, InputError
from dilo.image import Image, read_image
from dilo.models.inference import LoadedBackbone, device_of, evaluating
from dilo.models.normalise import normalise
from dilo.progress import Progress

BATCH_SIZE = 256
# Decoding scales to about this many threads, then the interpreter's lock is the limit.
MAX_WORKERS = 8

Item = Path | Image | Callable[[], Image]  # a file, an Image, or what makes one


@dataclass(frozen=True, kw_only=True)
class Features:
    """Features of the images that could be read, on the backbone's device."""

    values: Tensor  # float32 (N, D)
    labels: Tensor  # int64 (N,), or where the images stood in what was asked for
    failures: tuple[str, ...] = ()  # one line for each image that could not be read


def extract(
    loaded: LoadedBackbone,
    images: Sequence[Item],
    labels: NDArray[np.int64] | None = None,
    *,
    workers: int | None = None,
    title: str = "features",
) -> Features:
    """Compute the features of every image, in evaluation mode and full precision.

    Args:
        loaded: the backbone and the size of its views; its device does the work.
        images: files, Images, or functions that are called in the threads that decode
            and may raise a DiloError for one that cannot be read.
        labels: of the images, (N,); by default their numbers.
        workers: decoding threads; by default one for each core, at most 8.
        title: what the progress bar says.

    Raises:
        InputError: there are no images, or none of them can be read.
    """
    kept: list[int] = []
    failures: list[str] = []
    chunks: list[Tensor] = []
    device = device_of(loaded.module)
    with (
        Progress(title, total=len(images), unit="images") as progress,
        evaluating(loaded.module),
    ):
        workers = workers or min(available_cores(), MAX_WORKERS)
        make = partial(_view, crop_size=loaded.crop_size)
        made = in_threads(make, images, workers, ahead=2 * BATCH_SIZE)
        numbered = enumerate(view for _, view in made)
        while batch := list(islice(numbered, BATCH_SIZE)):
            failures += [str(view) for _, view in batch if isinstance(view, DiloError)]
            good = {i: view for i, view in batch if not isinstance(view, DiloError)}
            if good:
                views = torch.from_numpy(np.stack(list(good.values())))
                chunks.append(embed(loaded.module, views.to(device)))
            kept += good
            progress.advance(len(batch))
    if not kept:
        reason = failures[0] if failures else "the list of images is empty"
        raise InputError(f"no image could be read: {reason}")
    numbers = np.arange(len(images)) if labels is None else labels
    return Features(
        values=torch.cat(chunks),
        labels=torch.from_numpy(numbers[kept]).to(device),
        failures=tuple(failures),
    )


def extract_splits(
    loaded: LoadedBackbone,
    train: LabelledImages,
    val: LabelledImages,
    workers: int | None = None,
) -> tuple[Features, Features]:
    """Compute the features of both splits, as `extract` does."""
    return (
        extract(
            loaded, train.paths(), train.labels, workers=workers, title="train features"
        ),
        extract(loaded, val.paths(), val.labels, workers=workers, title="val features"),
    )


@torch.inference_mode()
def embed(module: nn.Module, views: Tensor) -> Tensor:
    """Run the backbone on test views: uint8 (N, S, S, 3) -> float32 (N, D).

    The module is used in the mode that it is in; see `evaluating`.
    """
    # Scores compare features that differ little: no reduced precision here, even
    # where the caller trains under autocast.
    with torch.autocast(views.device.type, enabled=False):
        return module(normalise(views)).float()


def _view(item: Item, crop_size: int) -> Image:
    """Make a test view."""
    if isinstance(item, Path):
        image = read_image(item)
    else:
        image = item() if callable(item) else item
    return centre_view(image, crop_size)
