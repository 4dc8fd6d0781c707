import pytest
import torch
import torch.nn.functional as F

from dilo.pretrain.memory import MemoryBank


def bank(count: int = 30, dim: int = 16, momentum: float = 0.5) -> MemoryBank:
    return MemoryBank(count, dim, momentum, seed=3)


@pytest.mark.parametrize("negatives", [1, 8, 28, 29])  # 29 of 30 is the full softmax
def test_each_image_has_exactly_k_negatives_and_never_its_own(negatives):
    memory = bank()
    memory.rows.copy_(torch.arange(30.0)[:, None].expand(-1, 16))
    index = torch.tensor([0, 4, 17, 29, 12, 5])
    for step in range(20):
        rows, excluded = memory.draw(index, negatives, step)
        assert rows.shape == (negatives + 1, 16)
        drawn = rows[:, 0].long()
        assert len(drawn.unique()) == len(drawn)
        for image, left_out in zip(index, excluded, strict=True):
            kept = drawn[~left_out]
            assert len(kept) == negatives
            assert image not in kept


def test_both_ways_of_leaving_one_out_occur():
    memory = bank()
    memory.rows.copy_(torch.arange(30.0)[:, None].expand(-1, 16))
    index = torch.arange(30)
    rows, excluded = memory.draw(index, 8, step=0)
    own_drawn = (rows[:, 0].long() == index[:, None]).any(dim=1)
    assert own_drawn.sum() == 9
    assert excluded[~own_drawn][:, -1].all()
    assert (excluded.sum(dim=1) == 1).all()


def test_draws_depend_on_seed_and_step_alone():
    index = torch.tensor([1, 2])
    first = bank().draw(index, 8, step=5)
    memory = bank()
    memory.draw(index, 8, step=4)
    torch.rand(3)
    again = memory.draw(index, 8, step=5)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    other = memory.draw(index, 8, step=6)
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], MemoryBank(30, 16, 0.5, 4).draw(index, 8, 5)[0])


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_an_update_is_the_normalised_average(momentum):
    memory = bank(momentum=momentum)
    before = memory.rows.clone()
    features = F.normalize(torch.randn(3, 16), dim=1)
    index = torch.tensor([4, 20, 7])
    memory.update(features, index)
    expected = momentum * before[index] + (1 - momentum) * features
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(memory.rows[index], expected)
    others = torch.ones(30, dtype=torch.bool).index_fill(0, index, False)
    assert torch.equal(memory.rows[others], before[others])


def test_partial_batches_reach_every_row():
    memory = bank(momentum=0.0)
    features = F.normalize(torch.randn(30, 16), dim=1)
    for index in torch.randperm(30).split(7):  # the last one has two images
        memory.update(features[index], index)
    torch.testing.assert_close(memory.rows, features)


def test_rows_start_with_norm_about_one_and_from_the_seed():
    rows = MemoryBank(1000, 128, 0.5, seed=0).rows
    assert rows.norm(dim=1).mean() == pytest.approx(1, abs=0.02)
    assert rows.norm(dim=1).std() < 0.05
    assert rows.mean().abs() < 0.001
    assert torch.equal(rows, MemoryBank(1000, 128, 0.5, seed=0).rows)
    assert "rows" in MemoryBank(2, 2, 0.5, 0).state_dict()
