import pytest
import torch
from torch import nn

from dilo.errors import InputError
from dilo.training.config import OptimizerConfig
from dilo.training.optimizer import learning_rate, make_optimizer


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
        ("weight_decay", -1.0, "weight_decay must not be negative, got -1.0"),
        ("weight_decay", float("nan"), "weight_decay"),
        ("schedule", "linear", "schedule must be one of step, cosine, got 'linear'"),
    ],
)
def test_bad_values_are_refused(field, value, message):
    with pytest.raises(InputError, match=message):
        OptimizerConfig(**{field: value})


def descend(steps: int, **fields: object) -> float:
    """Go down a slope of 3 from 2."""
    weight = nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    config = OptimizerConfig(lr=0.1, weight_decay=0.01, **fields)
    optimizer = make_optimizer([weight], config)
    for _ in range(steps):
        optimizer.zero_grad()
        (3 * weight).sum().backward()
        optimizer.step()
    return weight.item()


def test_nesterov_looks_ahead_by_the_momentum():
    velocity, expected = 0.0, 2.0
    for _ in range(3):
        slope = 3 + 0.01 * expected
        velocity = 0.5 * velocity + slope
        expected -= 0.1 * (slope + 0.5 * velocity)
    assert descend(3, momentum=0.5, nesterov=True) == pytest.approx(expected)


def test_adam_divides_by_the_size_of_the_slope():
    first, second, expected = 0.0, 0.0, 2.0
    for step in range(1, 4):
        slope = 3 + 0.01 * expected
        first = 0.8 * first + 0.2 * slope
        second = 0.99 * second + 0.01 * slope**2
        mean, square = first / (1 - 0.8**step), second / (1 - 0.99**step)
        expected -= 0.1 * mean / (square**0.5 + 1e-8)
    assert descend(3, momentum=0.8, solver="adam") == pytest.approx(expected)


def test_frozen_parameters_are_left_alone():
    frozen = nn.Parameter(torch.ones(1), requires_grad=False)
    trained = nn.Parameter(torch.ones(1))
    optimizer = make_optimizer([frozen, trained], OptimizerConfig())
    assert optimizer.param_groups[0]["params"] == [trained]
