"""Features once, for all scores: decode, take the test view, run the backbone."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dilo.augment import centre_view
from dilo.cores import available_cores
from dilo.data.labels import LabelledImages
from dilo.errors import ImageError, InputError
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
            and may raise ImageError for one that cannot be read.
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
        for start, batch in _views(images, loaded.crop_size, workers):
            failures += [view for view in batch if isinstance(view, str)]
            good = [i for i, view in enumerate(batch) if not isinstance(view, str)]
            if good:
                views = torch.from_numpy(np.stack([batch[i] for i in good]))
                chunks.append(embed(loaded.module, views.to(device)))
            kept += [start + i for i in good]
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


def _views(
    images: Sequence[Item], crop_size: int, workers: int | None
) -> Iterator[tuple[int, list[Image | str]]]:
    """Yield (start, views) of each batch while the next one is being decoded."""
    with ThreadPoolExecutor(workers or min(available_cores(), MAX_WORKERS)) as pool:

        def decode(start: int) -> list[Future[Image | str]]:
            items = images[start : start + BATCH_SIZE]
            return [pool.submit(_view, item, crop_size) for item in items]

        ahead = decode(0)
        for start in range(0, len(images), BATCH_SIZE):
            batch, ahead = ahead, decode(start + BATCH_SIZE)
            yield start, [future.result() for future in batch]


def _view(item: Item, crop_size: int) -> Image | str:
    """Make a test view, or say why there is none."""
    try:
        if isinstance(item, Path):
            image = read_image(item)
        else:
            image = item() if callable(item) else item
    except ImageError as error:
        return str(error)
    return centre_view(image, crop_size)
