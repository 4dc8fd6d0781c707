"""A diary that two sittings keep tells the time of both."""

import pytest
import torch

from dilo.runs import Run
from dilo.training import diary as module
from dilo.training.config import OptimizerConfig
from dilo.training.diary import Diary
from dilo.training.plan import Plan

PLAN = Plan(
    epochs=2,
    steps_per_epoch=2,
    images_per_epoch=10,
    optimizer=OptimizerConfig(),
    log_every=4,
)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_line_of_two_sittings_counts_the_time_of_both(tmp_path, clock):
    run = Run.create(tmp_path / "run", {})
    diary = Diary(run, 1.0, PLAN, writes=True)
    with diary:
        for _ in range(3):
            clock[0] += 2
            diary.note(torch.tensor(0.5), 5, 0.1)
        clock[0] += 1
        saved = diary.state_dict()
    clock[0] += 1000
    later = Diary(run, 1.0, PLAN, writes=True)
    later.load_state_dict(saved)
    with later:
        clock[0] += 3
        later.note(torch.tensor(0.5), 5, 0.1)
        later.write_if_due()
    (line,) = run.metrics
    assert line["seconds"] == 10
    assert line["images_per_second"] == 2
