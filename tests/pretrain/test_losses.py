import math

import pytest
import torch
import torch.nn.functional as F

from dilo.pretrain.losses import nce, softmax_nce


def unit(*shape: int) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, generator=generator), dim=-1)


generator = torch.Generator().manual_seed(0)


def test_indistinguishable_choices_give_the_log_of_their_number():
    same = F.normalize(torch.ones(4, 8), dim=1)
    loss = softmax_nce(same, same, same[:1].expand(7, -1), 0.07)
    torch.testing.assert_close(loss, torch.tensor(math.log(8)))


def test_excluded_choices_do_not_count():
    same = F.normalize(torch.ones(4, 8), dim=1)
    excluded = torch.zeros(4, 7, dtype=torch.bool)
    excluded[:, 2:5] = True
    loss = softmax_nce(same, same, same[:1].expand(7, -1), 0.07, excluded)
    torch.testing.assert_close(loss, torch.tensor(math.log(5)))


def test_over_the_whole_bank_it_is_the_softmax_over_all_images():
    features, rows = unit(5, 16), unit(20, 16)
    index = torch.tensor([3, 0, 19, 7, 8])
    excluded = torch.arange(20) == index[:, None]
    ours = softmax_nce(features, rows[index], rows, 0.1, excluded)
    torch.testing.assert_close(ours, F.cross_entropy(features @ rows.T / 0.1, index))


def test_the_gradient_draws_to_the_positive_and_is_finite_beside_exclusions():
    features = unit(3, 16).requires_grad_()
    positives, negatives = unit(3, 16), unit(6, 16)
    excluded = torch.zeros(3, 6, dtype=torch.bool)
    excluded[:, -1] = True
    softmax_nce(features, positives, negatives, 0.1, excluded).backward()
    assert features.grad.isfinite().all()
    assert ((features.grad * positives).sum(dim=1) < 0).all()


def test_nce_is_a_naive_loop_over_rows():
    features, positives, noise = unit(3, 8), unit(3, 8), unit(11, 8)
    count, z = 50, 70.0
    losses = []
    for feature, positive in zip(features, positives, strict=True):
        own = math.exp(feature @ positive / 0.2) / z
        loss = -math.log(own / (own + 11 / count + 1e-7))
        for row in noise:
            other = math.exp(feature @ row / 0.2) / z
            loss -= math.log((11 / count) / (other + 11 / count + 1e-7))
        losses.append(loss)
    ours = nce(features, positives, noise, 0.2, torch.tensor(z / count).log(), count)
    assert ours.item() == pytest.approx(sum(losses) / 3, rel=1e-5)


def test_softmax_nce_is_a_naive_loop_over_choices():
    features, positives, negatives = unit(3, 8), unit(3, 8), unit(5, 8)
    excluded = torch.zeros(3, 5, dtype=torch.bool)
    excluded[1, 2:4] = True
    losses = []
    for number, (feature, positive) in enumerate(zip(features, positives, strict=True)):
        total = own = math.exp(feature @ positive / 0.2)
        for row, left_out in zip(negatives, excluded[number], strict=True):
            total += 0 if left_out else math.exp(feature @ row / 0.2)
        losses.append(-math.log(own / total))
    ours = softmax_nce(features, positives, negatives, 0.2, excluded)
    assert ours.item() == pytest.approx(sum(losses) / 3, rel=1e-5)
