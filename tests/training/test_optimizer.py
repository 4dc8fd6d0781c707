import pytest
import torch
from torch import nn

from dilo.errors import InputError
from dilo.training.optimizer import OptimizerConfig, learning_rate, make_optimizer


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [(0, 0.03), (119, 0.03), (120, 0.003), (159, 0.003), (160, 0.0003), (199, 0.0003)],
)
@pytest.mark.parametrize("steps_per_epoch", [1, 7, 5005])
def test_steps_at_epochs_120_and_160_of_200(epoch, expected, steps_per_epoch):
    step, steps = epoch * steps_per_epoch, 200 * steps_per_epoch
    assert learning_rate(OptimizerConfig(), step / steps) == pytest.approx(expected)
    last = (step + steps_per_epoch - 1) / steps
    assert learning_rate(OptimizerConfig(), last) == pytest.approx(expected)


def test_cosine_falls_from_all_over_half_to_nothing():
    config = OptimizerConfig(lr=0.4, schedule="cosine")
    rates = [learning_rate(config, progress) for progress in (0.0, 0.5, 2 / 3, 1.0)]
    assert rates == pytest.approx([0.4, 0.2, 0.1, 0.0])


def test_sgd_is_momentum_with_weight_decay():
    weight = nn.Parameter(torch.tensor([2.0]))
    config = OptimizerConfig(lr=0.1, momentum=0.5, weight_decay=0.01)
    optimizer = make_optimizer([weight], config)
    velocity, expected = 0.0, 2.0
    for _ in range(3):
        optimizer.zero_grad()
        (3 * weight).sum().backward()
        optimizer.step()
        velocity = 0.5 * velocity + 3 + 0.01 * expected
        expected -= 0.1 * velocity
    assert weight.item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("lr", 0.0, "lr must be positive, got 0.0"),
        ("lr", float("inf"), "got inf"),
        ("lr", float("nan"), "got nan"),
        ("momentum", 1.0, r"momentum must be in \[0, 1\), got 1.0"),
        ("weight_decay", -1.0, "weight_decay must be >= 0, got -1.0"),
        ("weight_decay", float("nan"), "weight_decay"),
        ("schedule", "linear", "schedule is step or cosine, got 'linear'"),
    ],
)
def test_bad_values_are_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        OptimizerConfig(**{field: value})
