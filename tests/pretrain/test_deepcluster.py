import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dilo.models import backbone
from dilo.models.inputs import sobel, with_input
from dilo.models.normalise import normalise
from dilo.pretrain import PretrainConfig, pretrain
from dilo.pretrain.deepcluster import DeepCluster, inverse_sizes
from dilo.pretrain.subject import Subject


def objective(count: int = 16, **fields: object) -> DeepCluster:
    torch.manual_seed(0)
    config = PretrainConfig(images="", arch="conv6", **{"clusters": 4, **fields})
    method = DeepCluster(backbone("conv6"), Subject(count=count), config)
    with_input(method.backbone, method.input)
    return method


def groups() -> torch.Tensor:
    """Give features of three groups, of 8, 6 and 2 images."""
    centres = np.repeat(np.eye(3, 128), [8, 6, 2], axis=0)
    noise = np.random.default_rng(0).normal(0, 1e-5, (16, 128))
    return torch.from_numpy(centres + noise).float()


def test_images_that_look_alike_share_a_cluster():
    method = objective(clusters=3)
    method.start_epoch(0, groups)
    first, second, third = method.labels.split([8, 6, 2])
    assert all(len(part.unique()) == 1 for part in (first, second, third))
    assert len({int(part[0]) for part in (first, second, third)}) == 3
    expected = torch.tensor([16 / 24, 16 / 18, 16 / 6])
    for part, weight in zip((first, second, third), expected, strict=True):
        torch.testing.assert_close(method.weights[part[0]], weight)


def test_the_weighted_loss_is_that_of_drawing_evenly_over_clusters():
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    losses = torch.tensor([1.0, 2, 3, 4, 10, 20, 7])
    evenly = torch.tensor([2.5, 15, 7]).mean()
    weights = inverse_sizes(labels, 3)
    torch.testing.assert_close((losses * weights[labels]).mean(), evenly)


def test_the_loss_is_the_weighted_cross_entropy_of_what_edges_tell():
    method = objective(clusters=3).eval()
    method.start_epoch(0, groups)
    views = torch.randint(0, 256, (1, 3, 16, 16, 3), dtype=torch.uint8)
    index = torch.tensor([15, 0, 9])
    loss, features = method(views, index)
    plain = copy.deepcopy(method.backbone)
    plain._forward_pre_hooks.clear()
    expected = plain(sobel(normalise(views[0])))
    torch.testing.assert_close(features, expected.detach())
    labels = method.labels[index]
    each = F.cross_entropy(method.head(expected), labels, reduction="none")
    torch.testing.assert_close(loss, (each * method.weights[labels]).mean())
    assert method.input == "sobel"


def test_colours_are_seen_where_edges_are_not_wanted():
    assert objective(sobel=False).input == "rgb"


def test_an_epoch_depends_on_seed_epoch_and_survey_alone():
    method, other = objective(), objective()
    method.start_epoch(4, groups)
    other.start_epoch(3, groups)
    assert not torch.equal(other.head.weight, method.head.weight)
    torch.rand(3)
    other.start_epoch(4, groups)
    assert all(
        torch.equal(mine, theirs)
        for mine, theirs in zip(
            method.state_dict().values(), other.state_dict().values(), strict=True
        )
    )
    assert set(method.fresh_parameters()) == set(method.head.parameters())


def test_the_middle_of_an_epoch_survives_saving():
    method, other = objective(), objective()
    method.start_epoch(1, groups)
    other.load_state_dict(method.state_dict())
    assert torch.equal(other.labels, method.labels)
    assert torch.equal(other.weights, method.weights)


@pytest.mark.parametrize(("count", "clusters"), [(16, 4), (7, 3), (2, 1)])
def test_small_sets_have_fewer_clusters(count, clusters):
    method = objective(count)
    assert method.head.out_features == clusters
    assert method.chance == math.log(clusters)
    method.start_epoch(0, lambda: torch.randn(count, 128))
    assert (torch.bincount(method.labels) > 0).all()


def test_a_fresh_head_has_no_momentum_from_before(tiny, tmp_path, monkeypatch):
    step, moving = torch.optim.SGD.step, []

    def watch(self: torch.optim.SGD, *args: object) -> None:
        weight = next(each for each in self.param_groups[0]["params"] if len(each) == 3)
        moving.append("momentum_buffer" in self.state[weight])
        step(self, *args)

    monkeypatch.setattr(torch.optim.SGD, "step", watch)
    pretrain(tiny(objective="deepcluster", clusters=3, epochs=2), tmp_path / "run")
    assert moving == [False, True, True] * 2
