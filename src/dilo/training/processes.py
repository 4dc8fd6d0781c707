"""Start the processes there are, and the little they must tell each other."""

import os
from collections.abc import Mapping
from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dilo.training.config import Precision
from dilo.training.precision import resolve_precision

# The memory bank is a buffer that all processes update alike; sending it around at
# every step would cost more than the network. Torch has renamed the switch.
_NAMES = ("forward_sync_buffers", "broadcast_buffers")
_KNOWN = signature(DistributedDataParallel).parameters
_OWN_BUFFERS: dict[str, Any] = {next(name for name in _NAMES if name in _KNOWN): False}


def launch(precision: Precision) -> Fabric:
    """Start Fabric with the processes that torchrun or SLURM made, else with one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    processes = _read("WORLD_SIZE", "SLURM_NTASKS")
    local = _read("LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE")
    many = DDPStrategy(**_OWN_BUFFERS)
    fabric = Fabric(
        accelerator="auto",
        devices=local,
        num_nodes=processes // local,
        strategy=many if processes > 1 else "auto",
        precision=resolve_precision(precision, device),
    )
    fabric.launch()
    return fabric


def is_first() -> bool:
    """Tell whether this is the process that speaks for all, also before `launch`."""
    return _read("RANK", "SLURM_PROCID", default=0) == 0


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


def batch_order(gathered: Tensor) -> Tensor:
    """Sort what `gather` gave, process after process, as one process would have it."""
    processes = process_count()
    return gathered.unflatten(0, (processes, -1)).transpose(0, 1).flatten(0, 1)


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


def union(own: Mapping[str, str]) -> dict[str, str]:
    """Join what the processes have noted by name."""
    everyone: list[Mapping[str, str]] = [own]
    if process_count() > 1:
        everyone = [{}] * process_count()
        dist.all_gather_object(everyone, own)
    return {name: text for noted in everyone for name, text in noted.items()}


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


def _read(*variables: str, default: int = 1) -> int:
    """Read the first of the environment's variables that is set."""
    found = (os.environ[name] for name in variables if name in os.environ)
    return int(next(found, default))
