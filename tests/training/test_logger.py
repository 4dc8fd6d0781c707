"""The log of a training that was resumed."""

import pytest
import torch

from dilo.runs import Run
from dilo.training import logger as module
from dilo.training.config import LoopConfig, OptimizerConfig
from dilo.training.logger import MetricsLogger
from dilo.training.loop import Training
from dilo.training.task import Task

TRAINING = Training(
    task=Task(),
    batches=lambda step: (),
    steps_per_epoch=2,
    images_per_epoch=10,
    loop=LoopConfig(epochs=2, log_every=4),
    optimizer=OptimizerConfig(),
)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_line_that_was_interrupted_counts_the_time_of_both_parts(tmp_path, clock):
    run = Run.create(tmp_path / "run", LoopConfig())
    logger = MetricsLogger(run, TRAINING, writes=True)
    with logger:
        for _ in range(3):
            clock[0] += 2
            logger.add(torch.tensor(0.5), 5, 0.1)
        clock[0] += 1
        saved = logger.state_dict()
    clock[0] += 1000
    later = MetricsLogger(run, TRAINING, writes=True)
    later.load_state_dict(saved)
    with later:
        clock[0] += 3
        later.add(torch.tensor(0.5), 5, 0.1)
        later.write_if_due()
    (line,) = run.metrics
    assert line["seconds"] == 10
    assert line["images_per_second"] == 2
