"""A trained network in use: what is known of it, on which device, in which mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dilo.errors import InputError

WITHOUT_FLOAT64 = ("mps",)  # kinds of devices: Apple's


@dataclass(frozen=True, kw_only=True)
class LoadedBackbone:
    """A backbone with its weights, and what one must know to use it."""

    module: nn.Module  # on the device that does the work
    arch: str
    crop_size: int  # side in pixels of the views it was trained on
    small_stem: bool = False
    # What the module sees of the colours, a name of `dilo.models.inputs`; it hides the
    # rest by itself.
    input: str = "rgb"


def find_device(name: str = "auto") -> torch.device:
    """Give the device of a `--device` flag: auto is the GPU if there is one.

    Args:
        name: auto, cpu, cuda, cuda:1, mps, ...

    Raises:
        InputError: there is no such device here.
    """
    if name == "auto":
        kinds = {"cuda": torch.cuda, "mps": torch.backends.mps, "xpu": torch.xpu}
        usable = [kind for kind, backend in kinds.items() if backend.is_available()]
        return torch.device(usable[0] if usable else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)  # raises where it is not available
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device {name} cannot be used here ({str(error).splitlines()[0]}); "
            "give cpu, or auto for the GPU if there is one"
        ) from error
    return device


def device_of(module: nn.Module) -> torch.device:
    """Give the device of a module's weights; the CPU if it has none."""
    parameter = next(module.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


def to_device(values: NDArray[np.int64], device: torch.device) -> Tensor:
    """Copy numbers that were drawn on the host, without waiting for a GPU."""
    tensor = torch.from_numpy(values)
    if device.type == "cuda":
        tensor = tensor.pin_memory()  # from other memory the copy may wait
    return tensor.to(device, non_blocking=True)


def float64_device(device: torch.device) -> torch.device:
    """Give where float64 can be computed: the CPU if the device has none."""
    return torch.device("cpu") if device.type in WITHOUT_FLOAT64 else device


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module and all its parts into evaluation mode, and back at the end."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training


@contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Use a module amid its training: `evaluating`, and torch's draws taken back."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with evaluating(module), torch.random.fork_rng(devices):
        yield
