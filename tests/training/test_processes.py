import os

import pytest
import torch

from dilo.errors import InputError, RunError
from dilo.training.processes import (
    describe,
    gather,
    is_first,
    launch,
    maximum,
    mean,
    union,
)


def test_one_process_gathers_what_it_has():
    rows, index = torch.randn(3, 2), torch.arange(3)
    gathered = gather(rows, index)
    assert gathered[0] is rows
    assert gathered[1] is index
    assert mean(rows[0, 0]) is not None
    assert mean(rows[0, 0]).item() == rows[0, 0].item()
    assert maximum(7, torch.device("cpu")) == 7
    assert union({"a.png": "empty"}) == {"a.png": "empty"}


def test_the_first_process_is_known_by_torchrun_and_by_slurm(monkeypatch):
    for name in ("RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    assert is_first()
    monkeypatch.setenv("SLURM_PROCID", "2")
    assert not is_first()
    monkeypatch.setenv("RANK", "0")  # torchrun within a job of SLURM
    assert is_first()


@pytest.fixture
def slurm(monkeypatch):
    """Set the variables of a job of SLURM, of 16 tasks."""
    for name in list(os.environ):
        if name.startswith("SLURM_") or name == "WORLD_SIZE":
            monkeypatch.delenv(name)

    def job(**variables: str) -> None:
        for name, value in {"NTASKS": "16", **variables}.items():
            monkeypatch.setenv(f"SLURM_{name}", value)

    return job


def test_several_tasks_without_srun_are_refused_instead_of_waiting(slurm):
    slurm(NTASKS_PER_NODE="8")
    with pytest.raises(
        RunError, match=r"has 16 tasks, but only one .* put srun before"
    ):
        launch("32-true")


def test_srun_must_say_how_many_tasks_there_are_on_each_node(slurm):
    slurm(STEP_ID="0")
    with pytest.raises(RunError, match=r"16 tasks, .* give --nodes and --ntasks-per-n"):
        launch("32-true")


def test_one_task_of_slurm_trains_alone(slurm):
    slurm(NTASKS="1")
    fabric = launch("32-true", "cpu")
    assert fabric.world_size == 1
    assert (
        describe(fabric, "32-true").items()
        >= {
            "precision": "32-true",
            "device": "cpu",
            "processes": 1,
        }.items()
    )


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(InputError, match="device xpu cannot be used here"):
        launch("32-true", "xpu")
