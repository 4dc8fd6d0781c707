"""What lies in a file of weights, of any program: tables of tensors by name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
from torch import Tensor

from dilo.errors import RunError
from dilo.torch_files import read_torch_file

# Of the tables in a file, those to try first: what others mean to be used.
_FIRST = ("teacher", "state_dict_ema")
_DEPTH = 5  # of tables in tables; VISSL has four


def read_weights(path: Path) -> tuple[list[dict[str, Tensor]], dict[str, str]]:
    """Read the tables of weights by name in a file, and what it says of itself.

    Raises:
        RunError: it is no such file, or is what a pretraining goes on from.
    """
    if path.suffix != ".safetensors":
        value = read_torch_file(path)
        # Of a training; version 0.1 called the task an objective.
        names = set(value) if isinstance(value, Mapping) else set()
        if "optimizer" in names and names & {"task", "objective"}:
            raise RunError(
                f"{path}: what a pretraining goes on from, not a backbone; give the "
                "run folder once it has finished"
            )
        return list(_tables(value)), {}
    if not path.is_file():
        raise RunError(f"{path}: no such file")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise RunError(f"{path}: not a safetensors file ({error})") from error
    return [tensors], metadata


def _tables(value: Any, depth: int = 0) -> Iterator[dict[str, Tensor]]:
    """Find the tables of weights within a checkpoint, outer ones first."""
    if not isinstance(value, Mapping) or depth > _DEPTH:
        return
    tensors = {
        name: entry
        for name, entry in value.items()
        if isinstance(name, str) and isinstance(entry, Tensor)
    }
    if tensors:
        yield tensors
    for name in sorted(value, key=lambda name: name not in _FIRST):
        yield from _tables(value[name], depth + 1)
