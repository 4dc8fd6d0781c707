import torch

from dilo.training.processes import gather, is_first, maximum, mean, union


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
