"""Files of torch.save from anywhere: read so that none of them can run code."""

import argparse
import re
import warnings
from pathlib import Path
from typing import Any

from dilo.errors import RunError


def read_torch_file(path: Path) -> Any:
    """Read what torch.save wrote, onto the CPU: arrays, plain values, argparse's flags.

    Raises:
        RunError: the file is missing or damaged, or it asks for Python objects, which
            could run code.
    """
    import torch

    if not path.is_file():
        raise RunError(f"{path}: no such file")
    try:
        # Many programs keep their flags beside the weights; those can do no harm.
        harmless = torch.serialization.safe_globals([argparse.Namespace])
        with harmless, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickles that others wrote
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of any kind, on damaged files
        raise RunError(f"{path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Say in one line why a file was not loaded; torch needs ten."""
    wanted = re.search(r"GLOBAL (\S+)", str(error))
    if wanted:
        return (
            f"not loaded, for it asks for the Python object {wanted[1]}, which could "
            "run code; only arrays and plain values are read"
        )
    line = str(error).partition("\n")[0]
    # Torch then advises to load the file unsafely.
    detail = "" if not line or line.startswith("Weights only") else f" ({line})"
    return f"not a file that torch.save wrote, or damaged{detail}"
