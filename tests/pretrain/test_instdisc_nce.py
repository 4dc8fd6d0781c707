import math

import pytest
import torch
import torch.nn.functional as F

from dilo.models import backbone
from dilo.pretrain.instdisc import InstDiscNCE, RandomDirections
from dilo.pretrain.losses import nce
from dilo.pretrain.objective import ImageSetInfo
from dilo.pretrain.objective_configs import InstDiscNCEConfig
from dilo.training.config import LoopConfig


def objective(count: int = 40, **fields: object) -> InstDiscNCE:
    torch.manual_seed(0)
    fields = {"negatives": 24, "temperature": 0.2, "embedding_dim": 16, **fields}
    loop = LoopConfig(seed=fields.pop("seed", 0))
    config = InstDiscNCEConfig(**fields)
    return InstDiscNCE(backbone("conv6"), ImageSetInfo(count=count), config, loop)


def batch(count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (count, 1, 16, 16, 3)
    views = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return views, torch.randperm(40, generator=generator)[:count]


def test_z_of_random_directions_is_that_of_the_published_programs():
    # Theory: exp(1 / (2 * 128 * 0.07^2)) = 2.219; a public program has 2.2456.
    method = objective(5000, negatives=4096, temperature=0.07, embedding_dim=128)
    generator = torch.Generator().manual_seed(0)
    features = F.normalize(torch.randn(256, 128, generator=generator), dim=1)
    method.update(features, torch.arange(256))
    assert method.log_mean.exp().item() == pytest.approx(2.22, abs=0.04)


def test_z_is_estimated_from_the_first_batch_and_kept():
    method = objective()
    views, index = batch()
    before = method.log_mean.clone()
    _, features, _ = method(views, index)
    assert torch.equal(method.log_mean, before)
    noise = method.bank.draw_noise(24, step=0)
    own = (features * method.bank.rows[index]).sum(dim=1, keepdim=True)
    similarities = torch.cat([own, features @ noise.T], dim=1)
    method.update(features, index)
    torch.testing.assert_close(method.log_mean.exp(), (similarities / 0.2).exp().mean())
    kept = method.log_mean.clone()
    for _ in range(2):
        _, features, _ = method(views, index)
        method.update(features, index)
    assert torch.equal(method.log_mean, kept)


def test_the_loss_is_that_of_the_head_over_the_noise():
    method = objective()
    views, index = batch()
    loss, features, _ = method(views, index)
    noise, rows = method.bank.draw_noise(24, step=0), method.bank.rows
    expected = nce(features, rows[index], noise, 0.2, method.log_mean, 40)
    torch.testing.assert_close(loss.detach(), expected)


def test_z_and_the_step_survive_saving():
    method = objective()
    views, index = batch()
    method.update(*method(views, index)[1:])
    other = objective(seed=1)
    other.load_state_dict(method.state_dict())
    assert other.step == 1
    assert torch.equal(other.log_mean, method.log_mean)
    assert method.log_mean != objective().log_mean


def test_noise_comes_with_replacement_and_may_be_the_own_row():
    bank = objective(10).bank
    drawn = bank.draw_noise(500, step=3)
    assert drawn.shape == (500, 16)
    assert len(drawn.unique(dim=0)) == 10
    assert torch.equal(drawn, objective(10).bank.draw_noise(500, step=3))
    assert not torch.equal(drawn, bank.draw_noise(500, step=4))


@pytest.mark.parametrize(("temperature", "dim"), [(0.07, 128), (0.2, 16), (0.5, 2)])
def test_chance_is_the_loss_at_the_start(temperature, dim):
    method = objective(
        2000, negatives=512, temperature=temperature, embedding_dim=dim, seed=3
    )
    method.bank.rows.copy_(F.normalize(torch.randn(2000, dim), dim=1))
    index = torch.arange(1000)
    generator = torch.Generator().manual_seed(0)
    features = F.normalize(torch.randn(1000, dim, generator=generator), dim=1)
    loss = method.contrast(features, index).item()
    assert loss == pytest.approx(method.chance_level, rel=0.02)


def test_chance_is_about_the_log_of_the_choices_and_one():
    # log(K) + log(Z / N) for the positive, about 1 for all the noise together.
    start = RandomDirections(128, 0.07)
    assert math.exp(start.log_mean) == pytest.approx(2.22, abs=0.02)
    chance = start.loss(1_281_167, 4096)
    assert chance == pytest.approx(math.log(4096 * 2.22) + 1.13, abs=0.05)
    assert math.isfinite(RandomDirections(1, 0.005).loss(20, 8))
