"""The loop with an objective that a reader can compute in the head."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from dilo.runs import Run
from dilo.training.config import OptimizerConfig
from dilo.training.loop import Batch, Between, train
from dilo.training.plan import Plan

STEPS = 3  # of an epoch


class Mean(nn.Module):
    """Learn the mean of the images' first pixels."""

    chance = 1.0
    views = 1

    def __init__(self) -> None:
        super().__init__()
        self.guess = nn.Parameter(torch.zeros(()))
        self.seen: list[tuple[list[float], list[int]]] = []
        self.epochs: list[tuple[int, float]] = []

    def forward(self, views: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        values = views[0, :, 0, 0, 0].float()
        return (values - self.guess).square().mean(), values[:, None]

    def update(self, memo: Tensor, index: Tensor) -> None:
        self.seen.append((memo[:, 0].tolist(), index.tolist()))

    def start_epoch(self, epoch: int, survey) -> None:
        self.epochs.append((epoch, survey().item()))


def batches(size: int, epochs: int):
    def from_step(first: int) -> Iterator[Batch]:
        for step in range(first, epochs * STEPS):
            index = torch.arange(size)
            values = (step + 10 * index).to(torch.uint8)
            yield Batch(views=values.view(1, size, 1, 1, 1), index=index)

    return from_step


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", {})


def learn(run: Run, size: int = 4, after_epoch=None, **changes: object) -> Mean:
    fields = {"epochs": 2, "log_every": 2, "accumulate": 1, **changes}
    plan = Plan(
        steps_per_epoch=STEPS,
        images_per_epoch=STEPS * size,
        optimizer=OptimizerConfig(lr=0.1, momentum=0, weight_decay=0),
        **fields,
    )
    objective = Mean()
    between = Between(survey=lambda: torch.ones(1), after_epoch=after_epoch)
    fabric = Fabric(accelerator="cpu", devices=1)
    train(fabric, objective, batches(size, plan.epochs), plan, run, between)
    return objective


def test_every_epoch_is_started_with_a_survey(run):
    assert learn(run).epochs == [(0, 1.0), (1, 1.0)]


def test_an_epoch_is_started_on_resuming_at_its_boundary_only(run, tmp_path):
    learn(run, epochs=1)
    assert learn(run).epochs == [(1, 1.0)]
    within = Run.create(tmp_path / "within", {})

    def stop(epoch: int) -> dict[str, float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # at the end of step 3, before it is saved
        learn(within, after_epoch=stop, checkpoint_minutes=0.0)
    assert learn(within).epochs == [(1, 1.0)]


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("accumulate", [2, 3, 5])
def test_micro_batches_are_worth_the_batch(run, tmp_path, size, accumulate):
    whole = learn(run, size)
    cut = learn(Run.create(tmp_path / "cut", {}), size, accumulate=accumulate)
    torch.testing.assert_close(cut.guess, whole.guess)
    losses = [
        [line["loss"] for line in Run.open(tmp_path / name).metrics]
        for name in ("run", "cut")
    ]
    assert losses[0] == pytest.approx(losses[1])
    for (memo, index), (_, order) in zip(cut.seen, whole.seen, strict=True):
        assert index == order
        assert [value - memo[0] for value in memo] == [10 * place for place in index]


def test_what_follows_an_epoch_is_logged_with_it(run):
    told = iter([{"knn": 0.5}, {}])
    counts = []

    def after(epoch: int) -> dict[str, float]:
        counts.append(epoch)
        return next(told)

    learn(run, after_epoch=after)
    assert counts == [1, 2]
    lines = [(line["step"], line.get("knn")) for line in run.metrics]
    assert lines == [(2, None), (3, 0.5), (4, None), (6, None)]
    assert all("loss" in line for line in run.metrics)
