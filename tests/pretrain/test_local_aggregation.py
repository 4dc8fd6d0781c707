import math

import pytest
import torch
import torch.nn.functional as F
from overfit import scene_views

from dilo.models import backbone
from dilo.pretrain import local_aggregation as module
from dilo.pretrain.instdisc import InstDisc
from dilo.pretrain.local_aggregation import LocalAggregation, chance_level, local_loss
from dilo.pretrain.objective import ImageSetInfo
from dilo.pretrain.objective_configs import InstDiscConfig, LocalAggregationConfig
from dilo.training.config import LoopConfig

SMALL = {
    "embedding_dim": 16,
    "clusters": 4,
    "cluster_runs": 3,
    "close_neighbours": 9,
    "warmup_epochs": 1,
}


def objective(count: int = 16, **fields: object) -> LocalAggregation:
    torch.manual_seed(0)
    config = LocalAggregationConfig(**{**SMALL, **fields})
    return LocalAggregation(
        backbone("conv6"), ImageSetInfo(count=count), config, LoopConfig()
    )


def problem() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Give (scaled, rows, index, clusters) of 3 images among 40 rows, 2 runs."""
    generator = torch.Generator().manual_seed(0)
    rows = F.normalize(torch.randn(40, 6, generator=generator), dim=1)
    scaled = F.normalize(torch.randn(3, 6, generator=generator), dim=1) / 0.2
    clusters = torch.randint(0, 7, (2, 40), generator=generator, dtype=torch.int32)
    return scaled, rows, torch.tensor([31, 0, 8]), clusters


def naive_loss(scaled, rows, index, clusters, neighbours):
    """Follow the definition image by image, row by row."""
    total = 0.0
    for image, own in zip(scaled, index.tolist(), strict=True):
        probability = [math.exp(float(row @ image)) for row in rows]
        order = sorted(range(len(rows)), key=lambda row: -probability[row])
        order.remove(own)
        near = [own, *order[: neighbours - 1]]
        close = [
            row
            for row in near
            if any(run[row] == run[own] for run in clusters.tolist())
        ]
        shared = sum(probability[row] for row in close)
        total -= math.log(shared / sum(probability[row] for row in near))
    return total / len(scaled)


@pytest.mark.parametrize("neighbours", [1, 5, 20, 40])
@pytest.mark.parametrize("cells", [1, 90, 2**25])
def test_the_loss_is_that_of_its_definition(neighbours, cells, monkeypatch):
    monkeypatch.setattr(module, "CELLS", cells)  # 1, 2 and all images at a time
    loss = local_loss(*problem(), neighbours)
    assert float(loss) == pytest.approx(naive_loss(*problem(), neighbours), abs=1e-5)


def test_it_has_a_gradient_even_where_the_own_row_is_the_farthest():
    scaled, rows, index, clusters = problem()
    scaled = (-rows[index] / 0.2).requires_grad_()
    clusters = torch.arange(40).repeat(2, 1)  # only the own row is close
    loss = local_loss(scaled, rows, index, clusters, 5)
    loss.backward()
    assert loss.isfinite()
    assert scaled.grad.isfinite().all()
    assert ((scaled.grad * rows[index]).sum(dim=1) < 0).all()  # towards the own row


def test_a_single_cluster_leaves_nothing_to_learn():
    scaled, rows, index, clusters = problem()
    loss = local_loss(scaled, rows, index, torch.zeros_like(clusters), 12)
    torch.testing.assert_close(loss, torch.tensor(0.0))


def test_chance_is_the_loss_of_equal_rows():
    scaled, rows, index, clusters = problem()
    index = torch.arange(40)
    equal = rows[:1].expand(40, -1)
    loss = local_loss(scaled[:1].expand(40, -1), equal, index, clusters, 40)
    assert chance_level(clusters, 40) == pytest.approx(float(loss), abs=1e-5)
    assert chance_level(clusters, 1) == 0  # none but the own row is near
    alone = torch.arange(40).repeat(2, 1)
    assert chance_level(alone, 9) == pytest.approx(math.log(9))


def test_it_starts_as_instance_discrimination():
    method = objective(negatives=8)
    torch.manual_seed(0)
    config = InstDiscConfig(embedding_dim=16, negatives=8)
    plain = InstDisc(backbone("conv6"), ImageSetInfo(count=16), config, LoopConfig())
    plain.load_state_dict(
        {k: v for k, v in method.state_dict().items() if k in plain.state_dict()}
        | {"_extra_state": 0}
    )
    method.start_epoch(0)
    views, index = scene_views(4), torch.tensor([3, 11, 0, 5])
    loss, features, _ = method(views, index)
    expected, theirs, _ = plain(views, index)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(features, theirs)
    assert method.chance_level == plain.chance_level == math.log(9)


def test_then_it_aggregates_what_the_bank_clusters():
    method = objective(clusters=3)
    groups = torch.arange(16) % 3
    noise = torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
    method.bank.rows.copy_(F.normalize(torch.eye(16)[groups] + 0.01 * noise, dim=1))
    method.start_epoch(1)
    together = method.clusters[:, :, None] == method.clusters[:, None, :]  # (R, N, N)
    right = together == (groups[:, None] == groups)
    assert right.all(dim=2).all(dim=1).any()  # one run at least finds the groups
    assert 0 < method.chance_level < math.log(9)
    views, index = scene_views(4), torch.tensor([3, 11, 0, 5])
    loss, features, _ = method(views, index)
    expected = local_loss(
        features / method.temperature, method.bank.rows, index, method.clusters, 9
    )
    torch.testing.assert_close(loss, expected)


def test_the_middle_of_an_epoch_survives_saving():
    method, other = objective(), objective()
    method.start_epoch(3)
    method.update(torch.randn(2, 16), torch.tensor([1, 2]))
    other.load_state_dict(method.state_dict())
    assert torch.equal(other.clusters, method.clusters)
    assert (other.step, other.epoch, other.chance_level) == (1, 3, method.chance_level)
    again = objective()
    again.bank.load_state_dict(objective().bank.state_dict())
    again.start_epoch(3)
    assert torch.equal(again.clusters, method.clusters)


def test_small_sets_have_fewer_clusters_and_neighbours():
    method = objective(3, clusters=100, close_neighbours=100)
    method.start_epoch(1)
    assert method.cluster_count == 1
    loss, *_ = method(scene_views(3), torch.arange(3))
    assert loss.item() == pytest.approx(0, abs=1e-6)
