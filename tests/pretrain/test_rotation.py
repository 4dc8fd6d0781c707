import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dilo.models import backbone
from dilo.models.normalise import normalise
from dilo.pretrain import PretrainConfig
from dilo.pretrain.rotation import Rotation, turned
from dilo.pretrain.subject import Subject


def objective() -> Rotation:
    torch.manual_seed(0)
    config = PretrainConfig(images="", arch="conv6", objective="rotation")
    return Rotation(backbone("conv6"), Subject(count=8), config)


def test_turns_are_those_of_numpy_and_four_of_them_are_none():
    images = torch.arange(2 * 3 * 3 * 3, dtype=torch.uint8).reshape(2, 3, 3, 3)
    result = turned(images)
    assert result.dtype == torch.uint8
    for turns, part in enumerate(result.split(2)):
        for image, one in zip(images.numpy(), part.numpy(), strict=True):
            np.testing.assert_array_equal(one, np.rot90(image, turns))
    assert torch.equal(turned(result[6:])[2:4], images)


def test_the_loss_is_the_mean_over_all_images_and_turns():
    method = objective().eval()  # batch norm apart, turns do not see each other
    views = torch.randint(0, 256, (1, 3, 16, 16, 3), dtype=torch.uint8)
    loss, features = method(views, torch.tensor([5, 0, 2]))
    one_by_one = []
    for image in views[0].numpy():
        for turns in range(4):
            turn = np.ascontiguousarray(np.rot90(image, turns))[None]
            logits = method.head(method.backbone(normalise(torch.from_numpy(turn))))
            one_by_one.append(F.cross_entropy(logits, torch.tensor([turns])))
    torch.testing.assert_close(loss, torch.stack(one_by_one).mean())
    torch.testing.assert_close(features, method.backbone(normalise(views[0])).detach())
    assert not features.requires_grad


def test_a_head_that_tells_nothing_is_at_chance():
    method = objective()
    torch.nn.init.zeros_(method.head.weight)
    torch.nn.init.zeros_(method.head.bias)
    views = torch.randint(0, 256, (1, 2, 16, 16, 3), dtype=torch.uint8)
    assert method(views, torch.arange(2))[0].item() == pytest.approx(method.chance)
