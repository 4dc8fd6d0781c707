import torch

from dilo.training.processes import gather, mean


def test_one_process_gathers_what_it_has():
    rows, index = torch.randn(3, 2), torch.arange(3)
    gathered = gather(rows, index)
    assert gathered[0] is rows
    assert gathered[1] is index
    assert mean(rows[0, 0]) is not None
    assert mean(rows[0, 0]).item() == rows[0, 0].item()
