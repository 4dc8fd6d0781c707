"""Files of torch.save from anywhere: read so that none of them can run code."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dilo.errors import RunError


class Inert:
    """Stands in for an object that lies beside weights, and forgets what it was."""

    def __new__(cls, *_: object) -> "Inert":
        """Take any arguments."""
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _plain_dict(*_: object) -> dict[Any, Any]:
    """Stand in for a defaultdict: what it holds follows."""
    return {}


# Flags, paths, NumPy's scalars, arrays and states of random streams: nobody needs them,
# so that not even NumPy's own code reads what a stranger wrote.
_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
_BUILTINS = ("list", "dict", "int", "float", "str", "bool", "tuple")  # of defaultdicts
_NUMPY = ("_core", "core")  # of version 2, and before
_INERT = (
    "argparse.Namespace",
    *(
        f"{module}.{name}"
        for module in ("pathlib", "pathlib._local")
        for name in _PATHS
    ),
    *(f"builtins.{name}" for name in _BUILTINS),
    "numpy.dtype",
    "numpy.ndarray",
    *(f"numpy.{core}.multiarray.scalar" for core in _NUMPY),
    *(f"numpy.{core}.multiarray._reconstruct" for core in _NUMPY),
)
STAND_INS: list[tuple[Callable[..., Any], str]] = [
    *((Inert, name) for name in _INERT),
    (_plain_dict, "collections.defaultdict"),
]


def read_torch_file(path: Path) -> Any:
    """Read what torch.save wrote, onto the CPU: tensors and plain values.

    The usual objects beside them (`STAND_INS`) come back as `Inert`.

    Raises:
        RunError: the file is missing or damaged, or it asks for other Python objects,
            which could run code.
    """
    import torch

    if not path.is_file():
        raise RunError(f"{path}: no such file")
    try:
        harmless = torch.serialization.safe_globals(list(STAND_INS))
        with harmless, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickles that others wrote
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of any kind, on damaged files
        raise RunError(f"{path}: {_reason(error)}") from error


_REMEDY = (
    "where it was made, save the weights alone: torch.save(model.state_dict(), FILE)"
)


def _reason(error: Exception) -> str:
    """Say in one line why a file was not loaded; torch needs ten."""
    wanted = re.search(r"GLOBAL (\S+)", str(error))
    if wanted:
        return (
            f"not loaded, for it asks for the Python object {wanted[1]}, which could "
            f"run code; {_REMEDY}"
        )
    if "Unsupported operand 149" in str(error):  # how protocols from 4 on begin
        return f"not loaded: a pickle of another protocol than torch.save's; {_REMEDY}"
    line = str(error).partition("\n")[0]
    # Torch then advises to load the file unsafely.
    detail = "" if not line or line.startswith("Weights only") else f" ({line})"
    return f"not a file that torch.save wrote, or damaged{detail}"
