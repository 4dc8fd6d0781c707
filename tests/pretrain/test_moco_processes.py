"""Two processes train MoCo as one does, batch norm included."""

import os
import subprocess
import sys

import pytest
import torch

# Forks two processes, which train with DDP; then the first one trains alone.
SCRIPT = """
import os, sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from dilo.models import backbone
from dilo.pretrain import PretrainConfig
from dilo.pretrain.moco import moco_v2
from dilo.pretrain.subject import Subject

STEPS, BATCH = 3, 12
generator = torch.Generator().manual_seed(0)
shape = (STEPS, 2, BATCH, 16, 16, 3)
VIEWS = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
INDEX = torch.stack([torch.randperm(20, generator=generator) for _ in range(STEPS)])
INDEX = INDEX[:, :BATCH]

def train(process, processes):
    torch.manual_seed(0)
    config = PretrainConfig(
        images="", arch="conv6", embedding_dim=16, negatives=17, shuffle_groups=4,
        temperature=0.2, key_momentum=0.5,
    )
    method = moco_v2(backbone("conv6"), Subject(count=20), config)
    model = method
    if processes > 1:
        model = DistributedDataParallel(method, broadcast_buffers=False)
    trained = [value for value in method.parameters() if value.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.01)
    losses = []
    for views, index in zip(VIEWS, INDEX):
        views, index = views[:, process::processes], index[process::processes]
        loss, keys = model(views, index)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.update(keys, index)
        loss = loss.detach() / processes
        if processes > 1:
            dist.all_reduce(loss)
        losses.append(loss)
    return {
        "losses": torch.stack(losses), "rows": method.queue.rows,
        "index": method.queue.index, "head": torch.tensor(method.queue.head),
        **{name: value.data for name, value in method.named_parameters()},
    }

torch.set_num_threads(1)
folder = sys.argv[1]
rank = int(os.fork() == 0)
dist.init_process_group(
    "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
)
together = train(rank, 2)
dist.destroy_process_group()
torch.save(together, f"{folder}/{rank}.pt")
if rank == 0:
    torch.save(train(0, 1), f"{folder}/alone.pt")
    sys.exit(os.wait()[1])
"""


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    first, second, alone = (
        torch.load(tmp_path / f"{name}.pt", weights_only=True)
        for name in ("0", "1", "alone")
    )
    for name, value in alone.items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value, rtol=1e-4, atol=1e-5)
    assert torch.equal(first["index"], alone["index"])
