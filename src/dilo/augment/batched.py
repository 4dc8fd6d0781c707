"""Views of a whole batch at once, on the device that the network is on.

The parameters are those that `draw_view` draws for one view; the images come decoded.
Every step does the same integer arithmetic as the kernels of single views, on those
images of the batch that have it; so that a view is the same either way, level by level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dilo.augment.batched_blur import blur
from dilo.augment.batched_jitter import recolour
from dilo.augment.layer import Layer
from dilo.augment.overlay import BLEND_HALF
from dilo.augment.resample import fixed_taps, half_level
from dilo.augment.shown import OPAQUE, view_alpha
from dilo.augment.views import ViewParameters
from dilo.errors import InputError

_NO_STEP = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchParameters:
    """What was drawn for N views, as arrays."""

    boxes: NDArray[np.int64]  # (N, 4): top, left, height, width, in pixels
    steps: NDArray[np.int64]  # (N, C): colour steps of `jitter`, -1 where none is left
    factors: NDArray[np.float64]  # (N, C): of the steps
    blur: NDArray[np.float64]  # (N,): sigma in pixels, 0 for none
    flip: NDArray[np.bool_]  # (N,)


def stack_parameters(views: Sequence[ViewParameters]) -> BatchParameters:
    """Put the parameters of single views into arrays, to apply them at once."""
    count = len(views)
    length = max((len(view.colour) for view in views), default=0)
    steps = np.full((count, length), _NO_STEP)
    factors = np.zeros((count, length))
    for row, view in enumerate(views):
        for column, (step, factor) in enumerate(view.colour):
            steps[row, column], factors[row, column] = step, factor
    boxes = [
        (view.box.top, view.box.left, view.box.height, view.box.width) for view in views
    ]
    return BatchParameters(
        boxes=np.array(boxes, np.int64).reshape(count, 4),
        steps=steps,
        factors=factors,
        blur=np.array([view.blur for view in views], np.float64),
        flip=np.array([view.flip for view in views], bool),
    )


def stack_images(images: Sequence[Tensor]) -> Tensor:
    """Put images of any sizes into one batch, uint8 (N, H, W, 3), black beside them."""
    height = max(len(image) for image in images)
    width = max(image.shape[1] for image in images)
    batch = images[0].new_zeros(len(images), height, width, 3)
    for place, image in zip(batch, images, strict=True):
        place[: len(image), : image.shape[1]] = image
    return batch


def crop_batch(images: Tensor, boxes: NDArray[np.int64], side: int) -> Tensor:
    """Cut and scale a box of each image, with antialiasing: uint8 (N, side, side, 3).

    Args:
        images: uint8 (N, H, W, 3).
        boxes: int64 (N, 4), top, left, height, width, in pixels.
        side: of the views, in pixels.

    Raises:
        InputError: the images are no uint8 (N, H, W, 3), or the boxes are not N.
    """
    _check_batch(images, len(boxes))
    count, height, width, _ = images.shape
    rows = images.reshape(count, height, -1)
    lines = _scale_rows(rows, boxes[:, ::2], side).reshape(count, side, width, 3)
    columns = lines.transpose(1, 2).reshape(count, width, -1)
    pixels = _scale_rows(columns, boxes[:, 1::2], side)
    return pixels.reshape(count, side, side, 3).transpose(1, 2).contiguous()


def paste_batch(views: Tensor, layers: Sequence[Layer | None]) -> Tensor:
    """Composite those views that have a layer: uint8 (N, S, S, 3).

    Args:
        views: uint8 (N, S, S, 3), before colour, blur and flip.
        layers: of `view_layer`, made on the CPU; None keeps the view.

    Raises:
        InputError: the views are no uint8 (N, S, S, 3), or the layers are not N.
    """
    _check_batch(views, len(layers))
    pasted = [(place, layer) for place, layer in enumerate(layers) if layer is not None]
    if not pasted:
        return views
    chosen = torch.tensor([place for place, _ in pasted], device=views.device)
    alphas = [
        view_alpha(layer.alpha, layer.shape, layer.box, layer.background.shape)
        for _, layer in pasted
    ]
    weights = torch.from_numpy(np.stack(alphas)).to(views.device)
    below = np.stack([layer.background for _, layer in pasted])
    backgrounds = torch.from_numpy(below).to(views.device)
    views = views.clone()
    for place, layer in pasted:
        if layer.view is not None:
            views[place] = torch.from_numpy(layer.view).to(views.device)
    views[chosen] = composite_batch(views[chosen], weights, backgrounds)
    return views


def composite_batch(views: Tensor, alphas: Tensor, backgrounds: Tensor) -> Tensor:
    """Lay views over backgrounds: uint8 (N, S, S, 3).

    Args:
        views: uint8 (N, S, S, 3).
        alphas: float32 (N, S, S) in [0, 1]; 1 shows the view, 0 the background.
        backgrounds: uint8 (N, S, S, 3).
    """
    weights = (alphas * OPAQUE + 0.5).int()[..., None]
    over, under = views.int() * weights, backgrounds.int() * (OPAQUE - weights)
    return (((over >> 8) + (under >> 8) + BLEND_HALF) >> 8).to(torch.uint8)


def finish_batch(views: Tensor, parameters: BatchParameters) -> Tensor:
    """Recolour, blur and flip crops as drawn: uint8 (N, S, S, 3).

    Raises:
        InputError: the views are no uint8 (N, S, S, 3), or the parameters are not N.
    """
    _check_batch(views, len(parameters.flip))
    planes = views.permute(0, 3, 1, 2).float().contiguous()
    for steps, factors in zip(parameters.steps.T, parameters.factors.T, strict=True):
        for step in np.unique(steps[steps != _NO_STEP]):
            chosen = _chosen(steps == step, views.device)
            factor = torch.from_numpy(factors[steps == step]).to(views.device)
            planes[chosen] = recolour(planes[chosen], int(step), factor)
    chosen = _chosen(parameters.blur > 0, views.device)
    if len(chosen):
        planes[chosen] = blur(planes[chosen], parameters.blur[parameters.blur > 0])
    chosen = _chosen(parameters.flip, views.device)
    planes[chosen] = planes[chosen].flip(-1)
    return planes.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _check_batch(images: Tensor, count: int) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise InputError(
            f"a batch is uint8 (N, H, W, 3), got {images.dtype} {tuple(images.shape)}"
        )
    if len(images) != count:
        raise InputError(f"got {len(images)} images and parameters of {count} views")


def _chosen(mask: NDArray[np.bool_], device: torch.device) -> Tensor:
    return torch.from_numpy(np.flatnonzero(mask)).to(device)


def _scale_rows(rows: Tensor, boxes: NDArray[np.int64], side: int) -> Tensor:
    """Scale a span of the rows of each image, as `resample.scale_planes`: uint8.

    Args:
        rows: uint8 (N, H, L).
        boxes: first row and number of rows of each, (N, 2).
        side: number of new rows.
    """
    drawn = [fixed_taps(int(length), side) for _, length in boxes]
    count = max(words.shape[1] for _, words in drawn)
    first = np.stack([begin for begin, _ in drawn]) + boxes[:, :1]
    weights = np.zeros((count, len(rows), side, 1), np.int32)
    for number, (_, words) in enumerate(drawn):
        weights[: words.shape[1], number, :, 0] = words.T
    halves = [half_level(words.shape[1]) for _, words in drawn]
    sums = torch.tensor(halves, dtype=torch.int32, device=rows.device).view(-1, 1, 1)
    places = torch.from_numpy(first).to(rows.device)
    numbers = torch.arange(len(rows), device=rows.device).unsqueeze(1)
    for t, weight in enumerate(torch.from_numpy(weights).to(rows.device)):
        # Beyond the last row, of images that need fewer taps, the weight is 0.
        old = rows[numbers, (places + t).clamp(max=rows.shape[1] - 1)]
        sums = sums + ((old * weight) >> 8)
    return (sums >> 8).to(torch.uint8)
