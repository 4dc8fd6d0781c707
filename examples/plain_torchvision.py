"""Copy-paste in torchvision's loader: python plain_torchvision.py IMAGES MASKS."""

import sys
from pathlib import Path

import torch
from PIL.Image import fromarray
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from dilo.augment import CopyPaste, SoftMap
from dilo.image import read_image
from dilo.masks import MaskStore

IMAGES, MASKS = Path(sys.argv[1]), MaskStore.open(sys.argv[2])
CHAIN = [  # MoCo v2
    v2.RandomResizedCrop(224, scale=(0.2, 1.0)),  # moves the map with the image
    CopyPaste(),
    lambda pair: pair[0],  # from here on, the image alone
    v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    v2.RandomGrayscale(0.2),
    v2.RandomApply([v2.GaussianBlur(23, (0.1, 2.0))]),
    v2.RandomHorizontalFlip(),
    v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]),
]
VIEW = v2.Compose(CHAIN)


def read_pair(path):
    name = Path(path).relative_to(IMAGES).as_posix()
    saliency = SoftMap(MASKS[name]) if name in MASKS else None
    return fromarray(read_image(path)), saliency


if __name__ == "__main__":
    data = ImageFolder(IMAGES, lambda pair: [VIEW(pair), VIEW(pair)], loader=read_pair)
    for (first, second), _ in DataLoader(data, batch_size=4, num_workers=2):
        print(tuple(first.shape), tuple(second.shape))
