"""A second device for machines that have only a CPU.

Its tensors compute on the CPU, so that results are those of the CPU. As with a real
device no operation may mix it with the CPU, and NumPy cannot read it; as on Apple's it
has no float64. It goes by the name of `meta`, which torch knows everywhere.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from dilo.models.normalise import _levels

NAME = "meta"
MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


@contextmanager
def second_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """Let torch have a second device within the block."""
    autocast, tensor = torch.autocast, torch.tensor

    def autocast_there(kind: str, **settings: Any) -> Any:
        return nullcontext() if kind == NAME else autocast(kind, **settings)

    def tensor_there(data: Any, *, device: Any = None, **settings: Any) -> Tensor:
        return tensor(data, **settings).to(device)  # else it would have no numbers

    monkeypatch.setattr(torch, "autocast", autocast_there)
    monkeypatch.setattr(torch, "tensor", tensor_there)
    _levels.cache_clear()
    with _Mode():
        yield torch.device(NAME)
    _levels.cache_clear()


class _There(Tensor):
    """A tensor on the second device; `values` are its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, values: Tensor) -> "_There":
        if values.dtype == torch.float64:
            raise TypeError("the device has no float64")
        made = Tensor._make_wrapper_subclass(
            cls, values.shape, strides=values.stride(), dtype=values.dtype, device=NAME
        )
        made.values = values
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None) -> Any:
        return _run(function, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Sees the operations that make tensors on the device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None) -> Any:
        return _run(function, args, kwargs or {})


def _run(function: Any, args: Any, kwargs: Any) -> Any:
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    there = any(isinstance(tensor, _There) for tensor in tensors)
    # As with a real device, a single number may come from the CPU.
    left_behind = [x for x in tensors if not isinstance(x, _There) and x.ndim > 0]
    if there and left_behind and function not in MOVES:
        raise RuntimeError(f"{function}: tensors on two devices")
    if kwargs.get("device") is not None:
        there = torch.device(kwargs["device"]).type == NAME
        kwargs = kwargs | {"device": torch.device("cpu")}
    result = function(*tree_map(_values, args), **tree_map(_values, kwargs))
    if function._schema.is_mutable and isinstance(args[0], _There):
        return args[0]
    return tree_map(_wrap, result) if there else result


def _values(value: Any) -> Any:
    return value.values if isinstance(value, _There) else value


def _wrap(value: Any) -> Any:
    return _There(value) if isinstance(value, Tensor) else value
