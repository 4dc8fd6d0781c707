"""Loaders of others: torchvision on PIL and on tensors, kornia, the naive paste.

Each is a function (files, number) that makes two MoCo v2 views of item `number`, from
the file on. They end in uint8 tensors where nothing else is said, as ours do.
"""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageFilter
import torch
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms import v2

from dilo.augment import CopyPaste, CopyPasteConfig, SoftMap
from dilo.masks import MaskStore

SIDE = 224
BLUR = 5  # pixels, of the map, whatever the image's size
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

Picture = Any  # PIL image or tensor


@dataclass(frozen=True, kw_only=True)
class Files:
    """Photographs, their maps as 8-bit PNG files of the same size, and as a store."""

    images: Sequence[Path]
    maps: Sequence[Path]
    names: Sequence[str]
    store: MaskStore


class PilBlur:
    """MoCo's own blur: Pillow's, faster on PIL images than torchvision's."""

    def __call__(self, image: PIL.Image.Image) -> PIL.Image.Image:
        """Blur by a random sigma."""
        return image.filter(PIL.ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))


def chain(blur: Callable[[Picture], Picture], *, end: list[Any]) -> list[Any]:
    """List the steps of MoCo v2 behind the crop."""
    return [
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        v2.RandomGrayscale(0.2),
        v2.RandomApply([blur], p=0.5),
        v2.RandomHorizontalFlip(),
        *end,
    ]


CROP = v2.RandomResizedCrop(SIDE, scale=(0.2, 1.0))
TENSOR_BLUR = v2.GaussianBlur(23, (0.1, 2.0))  # the field's kernel at 224
TO_FLOAT = [
    v2.ToImage(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize(MEAN, STD),
]
ON_PIL = v2.Compose([CROP, *chain(PilBlur(), end=[v2.PILToTensor()])])
ON_PIL_FLOAT = v2.Compose([CROP, *chain(PilBlur(), end=TO_FLOAT)])
ON_TENSORS = v2.Compose([CROP, *chain(TENSOR_BLUR, end=[])])
PASTE = CopyPaste(CopyPasteConfig(ramp=0.0))
AFTER_PASTE = {
    "pil": v2.Compose(chain(PilBlur(), end=[v2.PILToTensor()])),
    "tensors": v2.Compose(chain(TENSOR_BLUR, end=[])),
}


def seed(number: int) -> None:
    """Draw the same for an item whenever it is timed."""
    torch.manual_seed(number)
    random.seed(number)


def open_pil(path: Path) -> PIL.Image.Image:
    """Decode as torchvision's folders do."""
    with PIL.Image.open(io.BytesIO(path.read_bytes())) as image:
        return image.convert("RGB")


def torchvision_pil(files: Files, number: int) -> list[Picture]:
    """Views by torchvision on PIL, without copy-paste."""
    seed(number)
    image = open_pil(files.images[number % len(files.images)])
    return [ON_PIL(image) for _ in range(2)]


def torchvision_pil_float(files: Files, number: int) -> list[Picture]:
    """The same, ending as usual in normalised floats."""
    seed(number)
    image = open_pil(files.images[number % len(files.images)])
    return [ON_PIL_FLOAT(image) for _ in range(2)]


def naive_paste(files: Files, number: int, *, blur: bool = True) -> list[Picture]:
    """Paste at the full size with a full-size PNG map, then torchvision on PIL."""
    seed(number)
    place = number % len(files.images)
    image, mask = open_pil(files.images[place]), PIL.Image.open(files.maps[place])
    mask.load()
    views = []
    for _ in range(2):
        view = image
        if random.random() < 0.5:
            alpha = mask.filter(PIL.ImageFilter.GaussianBlur(BLUR)) if blur else mask
            grey = PIL.Image.new("RGB", image.size, (random.randrange(256),) * 3)
            view = PIL.Image.composite(image, grey, alpha)
        views.append(ON_PIL(view))
    return views


def naive_paste_unblurred(files: Files, number: int) -> list[Picture]:
    """Paste at the full size without any blur of the map."""
    return naive_paste(files, number, blur=False)


def drop_in_pil(files: Files, number: int) -> list[Picture]:
    """Our CopyPaste in torchvision's chain on PIL."""
    seed(number)
    place = number % len(files.images)
    pair = open_pil(files.images[place]), SoftMap(files.store[files.names[place]])
    return [AFTER_PASTE["pil"](PASTE(CROP(pair))[0]) for _ in range(2)]


def torchvision_tensors(files: Files, number: int) -> list[Picture]:
    """Views by torchvision on uint8 tensors, without copy-paste."""
    seed(number)
    image = decode_jpeg(read_file(str(files.images[number % len(files.images)])))
    return [ON_TENSORS(image) for _ in range(2)]


def drop_in_tensors(files: Files, number: int) -> list[Picture]:
    """Our CopyPaste in torchvision's chain on tensors."""
    seed(number)
    place = number % len(files.images)
    image = decode_jpeg(read_file(str(files.images[place])))
    pair = image, SoftMap(files.store[files.names[place]])
    return [AFTER_PASTE["tensors"](PASTE(CROP(pair))[0]) for _ in range(2)]


def kornia_loader() -> Callable[[Files, int], Picture]:
    """Views by kornia on float tensors, both of an image in one batch."""
    import kornia.augmentation as K

    steps = K.AugmentationSequential(
        K.RandomResizedCrop((SIDE, SIDE), scale=(0.2, 1.0)),
        K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        K.RandomGrayscale(p=0.2),
        K.RandomGaussianBlur((23, 23), (0.1, 2.0), p=0.5),
        K.RandomHorizontalFlip(),
    )

    def views(files: Files, number: int) -> Picture:
        seed(number)
        image = open_pil(files.images[number % len(files.images)])
        planes = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
        return steps(planes.expand(2, -1, -1, -1))

    return views


RIVALS: dict[str, Callable[[Files, int], Picture]] = {
    "torchvision on PIL": torchvision_pil,
    "torchvision on PIL, to normalised floats": torchvision_pil_float,
    "torchvision on PIL, naive copy-paste": naive_paste,
    "torchvision on PIL, naive copy-paste, no blur": naive_paste_unblurred,
    "torchvision on PIL, CopyPaste dropped in": drop_in_pil,
    "torchvision on tensors": torchvision_tensors,
    "torchvision on tensors, CopyPaste dropped in": drop_in_tensors,
}
