"""Copy-paste for other people's training code: a torchvision.transforms.v2 transform.

A sample is an image with its `SoftMap`. Every geometric transform of torchvision moves
both alike, colour transforms leave the map alone, and `CopyPaste` stands where the
crop is done: compositing a crop gives what cropping a composite would, for less.
"""

from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from dilo.augment.box import Box
from dilo.augment.copy_paste import (
    CopyPasteConfig,
    map_to_alpha,
    open_sources,
    paste,
    paste_probability,
)
from dilo.augment.soft_map import SoftMap
from dilo.augment.sources import Setting
from dilo.data.image_set import Examples
from dilo.errors import InputError
from dilo.image import Image, Map


class CopyPaste(v2.Transform):  # type: ignore[misc]  # torchvision is untyped
    """Paste the foreground of an image on another background.

    A torchvision.transforms.v2 transform of an image, uint8 (3, H, W) or PIL, and its
    `SoftMap` of the same size; both come back. Put it behind the crop and before the
    colours. Its randomness comes from torch's generator alone, as in torchvision, so
    that `torch.manual_seed` and the seeds of a DataLoader's workers hold for it.

    An image without a SoftMap is kept as it is, unless the config refuses it; so is one
    with a map that held no foreground before it was cropped.

        v2.Compose([v2.RandomResizedCrop(224), CopyPaste(), v2.ColorJitter(.4, .4, .4)])
    """

    def __init__(
        self, config: CopyPasteConfig | None = None, others: Examples | None = None
    ) -> None:
        """Paste as `config` says.

        Args:
            config: how often, onto what, and how softly; None takes the defaults
                without a ramp. Where there is a `ramp`, set `progress` every epoch.
                `min_cover` says nothing here: torchvision draws the crop.
            others: images of the data set, for the backgrounds that are made of them.

        Raises:
            InputError: what the config's background is made of is missing.
        """
        super().__init__()
        self.config = CopyPasteConfig(ramp=0.0) if config is None else config
        self.sources = open_sources(self.config, others)
        self.progress = 1.0  # share of the training that is over, for `config.ramp`

    def paste(
        self, image: PIL.Image.Image, saliency: Map | PIL.Image.Image
    ) -> PIL.Image.Image:
        """Paste, or keep by chance, without a v2 chain: PIL in, PIL out.

        Args:
            image: of any size and mode; comes back as RGB.
            saliency: the map at the image's size, float32 (H, W) in [0, 1], or a grey
                PIL image.

        Raises:
            InputError: the map is no map, or has another size than the image.
        """
        if isinstance(saliency, PIL.Image.Image):
            saliency = np.asarray(saliency.convert("L"), np.float32) / np.float32(255)
        pasted, _ = self(image.convert("RGB"), SoftMap(saliency))
        return pasted

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw whether to paste, and the seed of what is pasted on."""
        maps = [item for item in flat_inputs if isinstance(item, SoftMap)]
        images = [item for item in flat_inputs if not isinstance(item, SoftMap)]
        if len(maps) > 1 or len(images) > 1:
            raise InputError(
                "CopyPaste takes one image with its SoftMap, got "
                f"{len(images)} images and {len(maps)} maps"
            )
        if self.config.missing == "refuse" and not maps:
            raise InputError("an image without a SoftMap, and missing='refuse'")
        # Drawn in any case: whether there is a map must not shift what others draw.
        pasted = torch.rand(()).item() < paste_probability(self.config, self.progress)
        seed = int(torch.randint(2**63 - 1, ()))
        if not (pasted and images and maps and maps[0].holds_foreground):
            return {"saliency": None}
        _check_same_size(images[0], maps[0])
        return {"saliency": maps[0].numpy(), "seed": seed}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Composite the image; the map passes."""
        if params["saliency"] is None or isinstance(inpt, SoftMap):
            return inpt
        rng = np.random.default_rng(params["seed"])
        if isinstance(inpt, PIL.Image.Image):
            image = np.asarray(inpt.convert("RGB"))
        else:
            image = _pixels(inpt)
        alpha = map_to_alpha(params["saliency"], self.config)
        setting = Setting(image=image, alpha=alpha, sources=self.sources)
        whole = Box(top=0, left=0, height=image.shape[0], width=image.shape[1])
        pasted = paste(image, whole, setting, self.config, rng)
        if isinstance(inpt, PIL.Image.Image):
            return PIL.Image.fromarray(pasted)
        return tv_tensors.wrap(torch.from_numpy(pasted).permute(2, 0, 1), like=inpt)


def _pixels(image: Tensor) -> Image:
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
        raise InputError(
            "CopyPaste takes an image as uint8 (3, H, W), got "
            f"{image.dtype} {tuple(image.shape)}; put it before ToDtype and Normalize"
        )
    if image.device.type != "cpu":
        raise InputError(f"CopyPaste works on the CPU, got {image.device}")
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def _check_same_size(image: Any, saliency: SoftMap) -> None:
    is_pil = isinstance(image, PIL.Image.Image)
    size = (image.height, image.width) if is_pil else tuple(image.shape[-2:])
    if size != tuple(saliency.shape[-2:]):
        rows, columns = saliency.shape[-2:]
        raise InputError(
            f"the map is {columns} x {rows}, the image {size[1]} x {size[0]}; "
            "read the map at the image's size, as MaskStore does, and let every "
            "transform see both"
        )
