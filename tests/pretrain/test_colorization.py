import math

import pytest
import torch

from dilo.models import backbone
from dilo.models.inputs import with_input
from dilo.pretrain.colorization import (
    Colorization,
    colour_targets,
    gamut_bins,
    rgb_to_lab,
)
from dilo.pretrain.objective import ImageSetInfo
from dilo.pretrain.objective_configs import ColorizationConfig
from dilo.training.config import LoopConfig

BINS = gamut_bins()
CONFIG = ColorizationConfig()


def objective(count: int = 8, arch: str = "conv6") -> Colorization:
    torch.manual_seed(0)
    subject = ImageSetInfo(count=count)
    method = Colorization(backbone(arch), subject, CONFIG, LoopConfig())
    with_input(method.backbone, method.input)
    return method


def nearest_bin(colour: tuple[int, int, int]) -> int:
    ab = rgb_to_lab(torch.tensor([colour]) / 255)[:, 1:]
    return int(torch.cdist(ab, BINS).argmin())


def test_each_place_has_the_mix_of_its_own_colours():
    views = torch.zeros(1, 16, 32, 3, dtype=torch.uint8)
    views[:, :8, :16] = torch.tensor([200, 30, 30], dtype=torch.uint8)  # one place red
    views[:, 8:, 16:24] = torch.tensor([30, 30, 200], dtype=torch.uint8)  # half blue
    side = torch.Size([2, 2])
    weights = torch.ones(len(BINS))
    target, spread = colour_targets(views, side, BINS, weights)
    assert target.shape == (1, 4, len(BINS))
    torch.testing.assert_close(target.sum(dim=2), torch.ones(1, 4))
    torch.testing.assert_close(spread, target.mean(dim=1))
    red, blue, black = map(nearest_bin, [(200, 30, 30), (30, 30, 200), (0, 0, 0)])
    assert target[0].argmax(dim=1)[:3].tolist() == [red, black, black]
    half = target[0, 3]
    alone = target[0, 1]
    assert half[black] == pytest.approx(alone[black].item() / 2)
    assert half[blue] > 0.1
    assert alone[blue] == 0


def test_a_patch_has_the_weight_of_its_nearest_bin():
    views = torch.full((2, 8, 8, 3), 90, dtype=torch.uint8)
    weights = torch.rand(len(BINS))
    target, spread = colour_targets(views, torch.Size([1, 1]), BINS, weights)
    grey = nearest_bin((90, 90, 90))
    torch.testing.assert_close(target.sum(dim=2), weights[grey].expand(2, 1))
    torch.testing.assert_close(spread.sum(dim=1), torch.ones(2))


def test_it_sees_no_colour_and_even_bins_are_at_chance():
    method = objective().eval()
    views = torch.randint(0, 256, (2, 1, 16, 16, 3), dtype=torch.uint8)
    grey = (views.float() @ torch.tensor([0.299, 0.587, 0.114])).round()
    seen = []
    method.head.register_forward_hook(lambda head, args, output: seen.append(output))
    method(views, torch.arange(2))
    method(grey.to(torch.uint8)[..., None].expand_as(views), torch.arange(2))
    torch.testing.assert_close(seen[0], seen[1], atol=0.02, rtol=0.02)
    torch.nn.init.zeros_(method.head[3].weight)
    torch.nn.init.zeros_(method.head[3].bias)
    loss, _ = method(views, torch.arange(2))
    assert loss.item() == pytest.approx(method.chance_level)
    assert method.chance_level == pytest.approx(math.log(261))


def test_colours_are_counted_during_the_first_epoch_only():
    method = objective(count=5)
    first, second = torch.rand(3, 261).softmax(dim=1), torch.rand(2, 261).softmax(dim=1)
    method.update(first)
    half, other = method.weights.clone(), objective(count=5)
    other.load_state_dict(method.state_dict())
    for each in (method, other):
        each.update(second)
    assert torch.equal(other.weights, method.weights)
    assert not torch.equal(method.weights, half)
    prior = torch.cat([first, second]).mean(dim=0)
    assert (prior * method.weights).sum().item() == pytest.approx(1)
    torch.testing.assert_close(method.counts, 5 * prior)
    full = method.weights.clone()
    method.update(second)
    assert torch.equal(method.weights, full)


def test_what_lies_behind_the_map_is_not_trained():
    method = objective(arch="resnet18")
    assert all(each.requires_grad for each in method.parameters())
    assert method.layer == ("layer4", 512)
