"""Copy-paste for other people's training code: a torchvision.transforms.v2 transform.

A sample is an image with its `SoftMap`. Every geometric transform of torchvision moves
both alike, colour transforms leave the map alone, and `CopyPaste` stands where the
crop is done: compositing a crop gives what cropping a composite would, for less.
"""

import warnings
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from dilo.augment.alpha import map_to_alpha, view_alpha
from dilo.augment.backgrounds import BACKGROUNDS
from dilo.augment.blending import BLENDINGS
from dilo.augment.composite import composite
from dilo.augment.copy_paste import CopyPasteConfig, open_sources, paste_probability
from dilo.augment.crop import Box, crop_resize
from dilo.augment.parameters import move_box
from dilo.augment.soft_map import SoftMap
from dilo.data.image_set import Examples
from dilo.errors import InputError
from dilo.image import Image, Map
from dilo.image_file import eight_bits


class CopyPaste(v2.Transform):  # type: ignore[misc]  # torchvision is untyped
    """Paste the foreground of an image on another background.

    A torchvision.transforms.v2 transform of an image, uint8 (3, H, W) or PIL, and its
    `SoftMap` of the same size; both come back, and with them all else of the sample:
    labels, masks and boxes, which stay where they are even if the object is moved.

    Put it behind the crop and before the colours, and before RandAugment, AutoAugment,
    TrivialAugmentWide and AugMix: torchvision lets these move the image alone. Its
    randomness comes from torch's generator, as in torchvision, so that
    `torch.manual_seed` and the seeds of a DataLoader's workers hold for it.

    An image without a SoftMap is kept as it is, unless the config refuses it; so is one
    with a map that held no foreground before it was cropped.

        v2.Compose([v2.RandomResizedCrop(224), CopyPaste(), v2.ColorJitter(.4, .4, .4)])
    """

    # All other items of a sample pass by, also tensors that are no images.
    _transformed_types = (
        PIL.Image.Image,
        tv_tensors.Image,
        functional.is_pure_tensor,
        SoftMap,
    )

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
            grey = eight_bits(saliency).convert("L")
            saliency = np.asarray(grey, np.float32) / np.float32(255)
        pasted, _ = self(eight_bits(image).convert("RGB"), SoftMap(saliency))
        return pasted

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw whether to paste, and paste."""
        maps = [item for item in flat_inputs if isinstance(item, SoftMap)]
        images = [item for item in flat_inputs if not isinstance(item, SoftMap)]
        if len(maps) > 1 or len(images) != 1:
            raise InputError(
                "CopyPaste takes one image with its SoftMap, got "
                f"{len(images)} images and {len(maps)} maps"
            )
        if self.config.missing == "refuse" and not maps:
            raise InputError("an image without a SoftMap, and missing='refuse'")
        # Drawn in any case: whether there is a map must not shift what others draw.
        wanted = torch.rand(()).item() < paste_probability(self.config, self.progress)
        seed = int(torch.randint(2**63 - 1, ()))
        if not maps:
            return {"pasted": None}
        image = _pixels(images[0])
        _check_same_size(image, maps[0])
        if not (wanted and maps[0].holds_foreground):
            return {"pasted": None}
        pasted, box = self._paste(image, maps[0].numpy(), seed)
        return {"pasted": pasted, "box": box}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Give the composite for the image; the map moves where the object is moved."""
        pasted = params["pasted"]
        if pasted is None:
            return inpt
        if isinstance(inpt, SoftMap):
            if not self.config.moves:
                return inpt
            shape = pasted.shape[:2]
            moved = view_alpha(inpt.numpy(), shape, params["box"], shape)
            return inpt.like(torch.from_numpy(moved.clip(0, 1)))
        if isinstance(inpt, PIL.Image.Image):
            return PIL.Image.fromarray(pasted)
        return tv_tensors.wrap(torch.from_numpy(pasted).permute(2, 0, 1), like=inpt)

    def extra_repr(self) -> str:
        """Show the config in `repr`."""
        return f"{self.config}, progress={self.progress}"

    def _paste(self, image: Image, saliency: Map, seed: int) -> tuple[Image, Box]:
        """Paste an image in its own frame; give the box that it shows of itself too."""
        config, rng = self.config, np.random.default_rng(seed)
        size = image.shape[0], image.shape[1]
        alpha = map_to_alpha(saliency, config)
        make_background = BACKGROUNDS[config.background]
        background = make_background(rng, size, image, alpha, self.sources)
        for reason in self.sources.take_failures().values():
            # Python shows each text once; the loop that could list them is not ours.
            warnings.warn(f"passed over: {reason}", stacklevel=2)
        alpha = BLENDINGS[config.blending](rng, alpha, config.blur)
        box = Box(top=0, left=0, height=size[0], width=size[1])
        if config.moves:
            box = move_box(rng, box, alpha, size, config)
            image = crop_resize(image, box, size)
        return composite(image, view_alpha(alpha, size, box, size), background), box


def _pixels(image: PIL.Image.Image | Tensor) -> Image:
    if isinstance(image, PIL.Image.Image):
        return np.asarray(eight_bits(image).convert("RGB"))
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
        raise InputError(
            "CopyPaste takes an image as uint8 (3, H, W), got "
            f"{image.dtype} {tuple(image.shape)}; put it before ToDtype and Normalize"
        )
    if image.device.type != "cpu":
        raise InputError(f"CopyPaste works on the CPU, got {image.device}")
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def _check_same_size(image: Image, saliency: SoftMap) -> None:
    size = image.shape[:2]
    if size != tuple(saliency.shape[-2:]):
        rows, columns = saliency.shape[-2:]
        raise InputError(
            f"the map is {columns} x {rows}, the image {size[1]} x {size[0]}; "
            "read the map at the image's size, as MaskStore does, and let every "
            "transform see both"
        )
