"""The processes of a training, their arithmetic, and the little they exchange."""

import os
from collections.abc import Mapping
from datetime import timedelta
from inspect import signature
from typing import Any, Literal

import torch
import torch.distributed as dist
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dilo.errors import RunError
from dilo.models.inference import find_device
from dilo.runs import cpu_name
from dilo.training.config import Precision

# The memory bank is a buffer that all processes update alike; sending it around at
# every step would cost more than the network. Torch has renamed the switch.
_NAMES = ("forward_sync_buffers", "broadcast_buffers")
_KNOWN = signature(DistributedDataParallel).parameters
_OWN_BUFFERS: dict[str, Any] = {next(name for name in _NAMES if name in _KNOWN): False}


# Measuring the features of a large set keeps the other processes waiting, for longer
# than torch's default allows; the launcher ends them if one has failed.
PATIENCE = timedelta(hours=12)


def launch(precision: Precision, device: str = "auto") -> Fabric:
    """Start Fabric with the processes that torchrun or SLURM made, else with one.

    Raises:
        InputError: there is no such device or precision.
        RunError: SLURM has started processes in a way that they cannot find together.
    """
    where = find_device(device)
    _check_slurm(os.environ)
    processes = _read("WORLD_SIZE", "SLURM_NTASKS")
    local = local_count()
    several: Any = local
    if processes == 1 and where.index is not None:
        several = [where.index]
    many = DDPStrategy(timeout=PATIENCE, **_OWN_BUFFERS)
    fabric = Fabric(
        accelerator=where.type,
        devices=several,
        num_nodes=processes // local,
        strategy=many if processes > 1 else "auto",
        precision=resolve_precision(precision, where),
    )
    fabric.launch()
    return fabric


def describe(fabric: Fabric, precision: Precision) -> dict[str, Any]:
    """Say on what a training runs, as the environment of its run records it."""
    device = fabric.device
    cuda = device.type == "cuda"
    return {
        "precision": resolve_precision(precision, device),
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if cuda else cpu_name(),
        "processes": fabric.world_size,
    }


def _check_slurm(environment: Mapping[str, str]) -> None:
    """Refuse processes of SLURM that would wait for each other for ever."""
    tasks = int(environment.get("SLURM_NTASKS", "1"))
    if "WORLD_SIZE" in environment or tasks == 1:  # torchrun decides within a job
        return
    if "SLURM_STEP_ID" not in environment:
        raise RunError(
            f"this job of SLURM has {tasks} tasks, but only one process was started: "
            "put srun before the command, or ask for one task (--ntasks 1)"
        )
    if "SLURM_NTASKS_PER_NODE" not in environment:
        raise RunError(
            f"SLURM has started {tasks} tasks, but not said how many on each node: "
            "give --nodes and --ntasks-per-node to srun or sbatch, not --ntasks"
        )


def is_first() -> bool:
    """Tell whether this is the process that speaks for all, also before `launch`."""
    return _read("RANK", "SLURM_PROCID", default=0) == 0


def local_count() -> int:
    """Count the processes that train together on this machine."""
    return _read("LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE")


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


Arithmetic = Literal["32-true", "bf16-mixed"]


def resolve_precision(precision: Precision, device: torch.device) -> Arithmetic:
    """Choose bf16 autocast where the hardware multiplies bf16 faster than float32.

    With channels_last it makes a training step 1.5 to 2.5 times faster on processors
    with AVX512-BF16 or AMX, and more on GPUs since Ampere; elsewhere it is emulated and
    slower.
    """
    if precision != "auto":
        return precision
    return "bf16-mixed" if _has_fast_bf16(device) else "32-true"


def _has_fast_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # Private, but there is no public way to ask; absent ones count as no.
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, bool)() for name in names)
    return False
