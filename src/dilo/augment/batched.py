"""Views of a whole batch at once, on the device that the network is on.

The parameters are those that `draw_view` draws for one view; the images come decoded.
Scaling is two matrix products, whatever the boxes are; every other step works on those
images of the batch that have it.
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
from dilo.augment.resample import HALF
from dilo.augment.shown import view_alpha
from dilo.augment.views import ViewParameters
from dilo.errors import InputError

_NO_STEP = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchParameters:
    """What was drawn for N views, as arrays."""

    boxes: NDArray[np.float32]  # (N, 4): top, left, height, width, in pixels
    steps: NDArray[np.int64]  # (N, C): colour steps of `jitter`, -1 where none is left
    factors: NDArray[np.float32]  # (N, C): of the steps
    blur: NDArray[np.float64]  # (N,): sigma in pixels, 0 for none
    flip: NDArray[np.bool_]  # (N,)


def stack_parameters(views: Sequence[ViewParameters]) -> BatchParameters:
    """Put the parameters of single views into arrays, to apply them at once."""
    count = len(views)
    length = max((len(view.colour) for view in views), default=0)
    steps = np.full((count, length), _NO_STEP)
    factors = np.zeros((count, length), np.float32)
    for row, view in enumerate(views):
        for column, (step, factor) in enumerate(view.colour):
            steps[row, column], factors[row, column] = step, factor
    boxes = [
        (view.box.top, view.box.left, view.box.height, view.box.width) for view in views
    ]
    return BatchParameters(
        boxes=np.array(boxes, np.float32).reshape(count, 4),
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


def crop_batch(images: Tensor, boxes: NDArray[np.float32], side: int) -> Tensor:
    """Cut and scale a box of each image, with antialiasing: uint8 (N, side, side, 3).

    Args:
        images: uint8 (N, H, W, 3).
        boxes: float32 (N, 4), top, left, height, width, in pixels.
        side: of the views, in pixels.

    Raises:
        InputError: the images are no uint8 (N, H, W, 3), or the boxes are not N.
    """
    _check_batch(images, len(boxes))
    count, height, width, _ = images.shape
    places = torch.arange(max(height, width), device=images.device)
    half = float(HALF)
    weights = _weights(boxes[:, ::2], places[:height], side)  # (N, S, H)
    lines = weights @ images.reshape(count, height, -1).float()  # (N, S, W * 3)
    lines = round_levels(lines, half).reshape(count, side, width, 3).transpose(1, 2)
    weights = _weights(boxes[:, 1::2], places[:width], side)  # (N, S, W)
    pixels = weights @ lines.reshape(count, width, -1)  # (N, S, S * 3)
    pixels = round_levels(pixels, half).reshape(count, side, side, 3).transpose(1, 2)
    return pixels.to(torch.uint8).contiguous()


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
    below = backgrounds.float()
    return round_levels(below + alphas[..., None] * (views - below)).to(torch.uint8)


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


def round_levels(levels: Tensor, half: float = 0.5) -> Tensor:
    """Round halves up, as the kernels for single views do."""
    return (levels + half).floor()


def _check_batch(images: Tensor, count: int) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise InputError(
            f"a batch is uint8 (N, H, W, 3), got {images.dtype} {tuple(images.shape)}"
        )
    if len(images) != count:
        raise InputError(f"got {len(images)} images and parameters of {count} views")


def _chosen(mask: NDArray[np.bool_], device: torch.device) -> Tensor:
    return torch.from_numpy(np.flatnonzero(mask)).to(device)


def _weights(box: NDArray[np.float32], old: Tensor, side: int) -> Tensor:
    """Weigh each old pixel in each of `side` new ones: (N, side, size).

    The triangles of `resample.taps`, none of them reaching out of its box.

    Args:
        box: first pixel and length of each, (N, 2).
        old: numbers of all pixels along this axis, (size,).
        side: of the view.
    """
    start, length = torch.from_numpy(box.astype(np.float64)).view(-1, 2, 1).unbind(1)
    scale = length / side  # (N, 1)
    centre = start + (torch.arange(side) + 0.5) * scale - 0.5
    whole = centre.floor()
    # The rest of a place alone is small enough for single precision: otherwise halves
    # are rounded to the other level, and what follows makes several levels of one.
    offset, whole, scale, start, length = (
        each.float().to(old.device).unsqueeze(2)
        for each in (centre - whole, whole, scale, start, length)
    )
    distance = (old - whole) - offset
    weights = (1 - distance.abs() / scale.clamp(min=1)).clamp(min=0)
    weights *= (old >= start) & (old < start + length)
    return weights / weights.sum(dim=2, keepdim=True)
