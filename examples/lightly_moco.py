"""Lightly's MoCo v2 with copy-paste: python lightly_moco.py IMAGES MASKS."""

import copy

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.multi_view_transform import MultiViewTransform
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.models import resnet18

from plain_torchvision import IMAGES, VIEW, read_pair

backbone = resnet18()
backbone.fc = nn.Identity()
query = nn.Sequential(backbone, MoCoProjectionHead(512, 512, 128))
key = copy.deepcopy(query)
deactivate_requires_grad(key)
criterion = NTXentLoss(temperature=0.2, memory_bank_size=(4096, 128))
optimizer = torch.optim.SGD(query.parameters(), 0.03, momentum=0.9, weight_decay=1e-4)

data = ImageFolder(IMAGES, MultiViewTransform([VIEW, VIEW]), loader=read_pair)
for (first, second), _ in DataLoader(data, 4, shuffle=True, drop_last=True):
    update_momentum(query, key, m=0.999)
    loss = criterion(query(first), key(second))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"loss {loss.item():.3f}")
