"""A Map as a TVTensor, so that torchvision moves it with its image."""

import inspect
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from dilo.foreground import has_foreground
from dilo.image import Map, check_map

# Arguments of torchvision's kernels that are the same for every map, whatever they are
# for its image: by nearest a soft edge would be lost, and what comes in from outside
# of the picture is no foreground.
FIXED = {"interpolation": InterpolationMode.BILINEAR, "antialias": True, "fill": None}


class SoftMap(tv_tensors.TVTensor):  # type: ignore[misc]  # torchvision is untyped
    """A Map that torchvision's v2 transforms keep aligned with its image.

    float32 (H, W) in [0, 1]; resampled bilinearly and with antialiasing. Give it the
    size of its image. RandAugment, AutoAugment, TrivialAugmentWide and AugMix leave it
    where it is, for they look at nothing but the image: put them behind `CopyPaste`.

        pair = (image, SoftMap(store[name]))
        view, saliency = v2.RandomResizedCrop(224)(pair)
    """

    holds_foreground: bool  # before any crop: without, there is nothing to paste

    def __new__(cls, saliency: Map | Tensor) -> Self:
        """Wrap a Map, given as an array or a tensor.

        Raises:
            InputError: it is not float32 (H, W) with values in [0, 1].
        """
        plain = saliency.numpy() if isinstance(saliency, Tensor) else saliency
        check_map(plain)
        # A copy where the array cannot be written to, as torch cannot know of that.
        plain = np.require(plain, requirements=("C", "W"))
        result: Self = torch.from_numpy(plain).as_subclass(cls)
        result.holds_foreground = has_foreground(plain)
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.like(self.as_subclass(Tensor).clone())

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # A worker sends it to the process that trains.
        return _rebuild, (self.as_subclass(Tensor), self.holds_foreground)

    def like(self, moved: Tensor) -> Self:
        """Wrap what a transform made of this map."""
        result = moved.as_subclass(type(self))
        result.holds_foreground = self.holds_foreground
        return result


def _rebuild(values: Tensor, holds_foreground: bool) -> SoftMap:
    result = values.as_subclass(SoftMap)
    result.holds_foreground = holds_foreground
    return result


def _register(functional: Callable[..., Any], kernel: Callable[..., Any]) -> None:
    """Let `functional` treat a SoftMap as `kernel` treats a grey image."""
    signature = inspect.signature(kernel)
    fixed = {name: FIXED[name] for name in FIXED if name in signature.parameters}

    def move(saliency: SoftMap, *args: Any, **kwargs: Any) -> Any:
        plane = saliency.as_subclass(Tensor).unsqueeze(0)  # kernels want channels
        bound = signature.bind(plane, *args, **kwargs)
        bound.arguments.update(fixed)
        moved = kernel(*bound.args, **bound.kwargs)
        if isinstance(moved, tuple):  # of five or ten crops
            return tuple(saliency.like(crop.squeeze(0)) for crop in moved)
        # Weights of bilinear resampling add to 1 within rounding only.
        return saliency.like(moved.squeeze(0).clamp(0, 1))

    F.register_kernel(functional, SoftMap)(move)


_register(F.resize, F.resize_image)
_register(F.crop, F.crop_image)
_register(F.center_crop, F.center_crop_image)
_register(F.five_crop, F.five_crop_image)
_register(F.ten_crop, F.ten_crop_image)
_register(F.resized_crop, F.resized_crop_image)
_register(F.horizontal_flip, F.horizontal_flip_image)
_register(F.vertical_flip, F.vertical_flip_image)
_register(F.pad, F.pad_image)
_register(F.rotate, F.rotate_image)
_register(F.affine, F.affine_image)
_register(F.perspective, F.perspective_image)
_register(F.elastic, F.elastic_image)
