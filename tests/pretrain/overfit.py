"""Train an objective on a few synthetic scenes, without the loop."""

import numpy as np
import torch
from torch import Tensor, nn

from dilo.data.synthetic import SceneConfig, make_scene


def scene_views(count: int, size: int = 32) -> Tensor:
    """Give one view of each of the first scenes, uint8 (count, 1, size, size, 3)."""
    config = SceneConfig(size=size)
    images = [make_scene(config, index).image for index in range(count)]
    return torch.from_numpy(np.stack(images))[:, None]


def overfit(method: nn.Module, views: Tensor, steps: int, lr: float) -> list[float]:
    """Take steps on one batch that holds all images; give the loss before each."""
    parameters = [each for each in method.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr, momentum=0.9)
    index = torch.arange(len(views))
    losses = []
    for _ in range(steps):
        result = method(views, index)
        loss, *outputs = result if isinstance(result, tuple) else (result,)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.update(*outputs)
        losses.append(loss.item())
    return losses
