"""Start the processes there are, and the little they must tell each other."""

import os

import torch
import torch.distributed as dist
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from dilo.training.precision import Precision, resolve_precision


def launch(precision: Precision) -> Fabric:
    """Start Fabric with the processes that torchrun or SLURM made, else with one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    processes = _count("WORLD_SIZE", "SLURM_NTASKS")
    local = _count("LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE")
    # The memory bank is a buffer that all processes update alike; sending it around
    # at every step would cost more than the network.
    many = DDPStrategy(broadcast_buffers=False)
    fabric = Fabric(
        accelerator="auto",
        devices=local,
        num_nodes=processes // local,
        strategy=many if processes > 1 else "auto",
        precision=resolve_precision(precision, device),
    )
    fabric.launch()
    return fabric


def process_count() -> int:
    """Count the processes that train together."""
    if not dist.is_available() or not dist.is_initialized():
        return 1
    return dist.get_world_size()


def gather(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Join each tensor with those of all processes, along dimension 0.

    Every process must bring the same number of rows. On one process the tensors come
    back as they are.
    """
    if process_count() == 1:
        return tensors
    return tuple(_gather(tensor) for tensor in tensors)


def mean(value: Tensor) -> Tensor:
    """Average a scalar over all processes; on one it comes back as it is."""
    if process_count() == 1:
        return value
    return _gather(value.reshape(1)).mean()


def maximum(value: int, device: torch.device) -> int:
    """Give the largest value that a process has; they exchange it over `device`."""
    if process_count() == 1:
        return value
    largest = torch.tensor(value, device=device)
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return int(largest)


def share_buffers(module: nn.Module) -> None:
    """Give every process the buffers of process 0, such as batch norm's averages."""
    if process_count() == 1:
        return
    for buffer in module.buffers():
        dist.broadcast(buffer, src=0)


def _gather(tensor: Tensor) -> Tensor:
    pieces = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(pieces, tensor.contiguous())
    return torch.cat(pieces)


def _count(*variables: str) -> int:
    """Read the first of the environment's variables that is set, else 1."""
    found = (os.environ[name] for name in variables if name in os.environ)
    return int(next(found, "1"))
