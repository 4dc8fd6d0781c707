"""The loop with a task that a reader can compute in the head."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from dilo.runs import Run
from dilo.training.config import LoopConfig, OptimizerConfig
from dilo.training.loop import Training, train
from dilo.training.task import Batch, Task

STEPS = 3  # of an epoch
WITHOUT_MOMENTUM = OptimizerConfig(lr=0.1, momentum=0, weight_decay=0)


class Mean(Task):
    """Learn the mean of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.guess = nn.Parameter(torch.zeros(()))
        self.seen: list[tuple[list[float], list[int]]] = []
        self.epochs: list[int] = []

    def forward(self, values: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        return (values - self.guess).square().mean(), values, index

    def update(self, values: Tensor, index: Tensor) -> None:
        self.seen.append((values.tolist(), index.tolist()))

    def start_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)


class Median(Task):
    """Give a loss alone."""

    def __init__(self) -> None:
        super().__init__()
        self.guess = nn.Parameter(torch.zeros(()))

    def forward(self, values: Tensor, index: Tensor) -> Tensor:
        return (values - self.guess).abs().mean()


def batches(size: int, epochs: int):
    def from_step(first: int) -> Iterator[Batch]:
        for step in range(first, epochs * STEPS):
            index = torch.arange(size)
            yield (step + 10 * index).float(), index

    return from_step


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", LoopConfig())


def learn(run: Run, size: int = 4, task=None, measure=None, **changes: object) -> Task:
    loop = LoopConfig(**{"epochs": 2, "log_every": 2, "batch_size": size, **changes})
    training = Training(
        task=task or Mean(),
        batches=batches(size, loop.epochs),
        steps_per_epoch=STEPS,
        images_per_epoch=STEPS * size,
        loop=loop,
        optimizer=WITHOUT_MOMENTUM,
        measure=measure,
    )
    train(Fabric(accelerator="cpu", devices=1), training, run)
    return training.task


def test_every_epoch_is_started(run):
    assert learn(run).epochs == [0, 1]


def test_an_epoch_is_started_on_resuming_at_its_boundary_only(run):
    learn(run, epochs=1)
    assert learn(run).epochs == [1]


def test_a_task_without_outputs_learns_too(run):
    assert learn(run, task=Median()).guess > 0.1
    assert run.metrics[-1]["loss"] < 20


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("accumulate", [2, 3])
def test_micro_batches_are_worth_the_batch(run, tmp_path, size, accumulate):
    whole = learn(run, size)
    cut = learn(Run.create(tmp_path / "cut", LoopConfig()), size, accumulate=accumulate)
    torch.testing.assert_close(cut.guess, whole.guess)
    losses = [
        [line["loss"] for line in Run.open(tmp_path / name).metrics]
        for name in ("run", "cut")
    ]
    assert losses[0] == pytest.approx(losses[1])
    assert cut.seen == whole.seen


def test_measurements_stand_in_lines_of_their_own(run):
    numbers = iter([{"knn": 0.5}, {}])
    counts = []

    def measure(epoch: int) -> dict[str, float]:
        counts.append(epoch)
        assert run.checkpoint.exists()  # nothing is lost if it is killed here
        return next(numbers)

    learn(run, measure=measure)
    assert counts == [1, 2]
    lines = [(line["step"], line.get("knn"), "loss" in line) for line in run.metrics]
    assert lines == [
        (2, None, True),
        (3, 0.5, False),
        (4, None, True),
        (6, None, True),
    ]


def test_a_measurement_that_fails_is_a_warning(run, capsys):
    def measure(epoch: int) -> dict[str, float]:
        raise ValueError("no neighbours")

    learn(run, measure=measure)
    message = "run: not measured after epoch {}: ValueError: no neighbours\n"
    error = capsys.readouterr().err
    assert all(message.format(epoch) in error for epoch in (1, 2))
    assert run.metrics[-1]["step"] == 6


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_measurement_that_was_killed_is_made_on_resuming(run, epoch):
    def die(at: int) -> dict[str, float]:
        if at == epoch:
            raise KeyboardInterrupt
        return {"knn": float(at)}

    with pytest.raises(KeyboardInterrupt):
        learn(run, measure=die)
    learn(run, measure=lambda at: {"knn": float(at)})
    learn(run, measure=die)  # is not called again
    measured = [line["knn"] for line in run.metrics if "knn" in line]
    assert measured == [1.0, 2.0]
