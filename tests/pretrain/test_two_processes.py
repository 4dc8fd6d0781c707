"""Two processes train as one does, up to the rounding of their sums."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from dilo.config import to_dict
from dilo.pretrain import pretrain
from dilo.runs import Run
from dilo.training.checkpoint import load_checkpoint

# A network without batch norm, whose statistics each process takes of its own share.
NETWORK = """
from torch import nn

class Plain(nn.Module):
    dim = 12

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 12, 5, stride=2)

    def forward(self, images):
        return self.layer(images).relu().mean(dim=(2, 3))
"""

# Forks two processes in the way that torchrun starts them, but imports torch only once.
SCRIPT = (
    NETWORK
    + """
import json, os, sys
import torch
from dilo.config import from_dict
from dilo.models import BACKBONES
from dilo.pretrain import PretrainConfig, pretrain

config, out, port = sys.argv[1:]
torch.set_num_threads(1)
BACKBONES["plain"] = lambda small_stem: Plain()
child = os.fork()
rank = "0" if child else "1"
os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "MASTER_PORT": port}
report = pretrain(from_dict(PretrainConfig, json.loads(config)), out)
if child:
    sys.exit(os.waitpid(child, 0)[1])
"""
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there may be one GPU only")
def test_two_processes_equal_one(tiny, tmp_path, monkeypatch):
    scope: dict[str, type] = {}
    exec(NETWORK, scope)
    monkeypatch.setitem(
        sys.modules["dilo.models"].BACKBONES, "plain", lambda stem: scope["Plain"]()
    )
    config = tiny(arch="plain", epochs=2, batch_size=8)
    words = [json.dumps(to_dict(config)), str(tmp_path / "two"), str(free_port())]
    launched = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "TORCHELASTIC_RUN_ID": "test",
        "OMP_NUM_THREADS": "1",
    }
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        env={**os.environ, **launched},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    alone = pretrain(config, tmp_path / "one").run
    together = Run.open(tmp_path / "two")
    one, two = (load_checkpoint(run.checkpoint) for run in (alone, together))
    for name, value in one["objective"].items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(
                two["objective"][name], value, rtol=1e-4, atol=1e-6
            )
    lines = [(line["step"], line["epoch"]) for line in alone.metrics]
    assert [(line["step"], line["epoch"]) for line in together.metrics] == lines
    for left, right in zip(alone.metrics, together.metrics, strict=True):
        assert right["loss"] == pytest.approx(left["loss"], rel=1e-4)
