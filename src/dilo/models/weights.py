"""Backbone weights as safetensors files that say which network they belong to."""

import json
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import nn

from dilo.errors import RunError
from dilo.files import write_atomic
from dilo.models import backbone

FILE_NAME = "backbone.safetensors"


@dataclass(frozen=True, kw_only=True)
class LoadedBackbone:
    """A backbone with its weights, and what one must know to use it."""

    module: nn.Module
    arch: str
    crop_size: int  # side in pixels of the views it was trained on


def save_backbone(
    path: Path, module: nn.Module, arch: str, small_stem: bool, crop_size: int
) -> None:
    """Write the weights and what is needed to rebuild the network, atomically."""
    metadata = {
        "arch": arch,
        "small_stem": str(int(small_stem)),
        "crop_size": str(crop_size),
    }
    # Convolution weights may lie in channels_last order; files hold the plain order.
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in module.state_dict().items()
    }
    write_atomic(path, _sort_metadata(safetensors.torch.save(tensors, metadata)))


def load_backbone(source: str | Path) -> LoadedBackbone:
    """Load a backbone from a run folder or from its backbone.safetensors.

    Safetensors hold arrays only, so a file from a stranger cannot run code.

    Raises:
        RunError: there is no such file, or it holds no backbone of ours.
    """
    path = Path(source)
    if path.is_dir():
        path = path / FILE_NAME
    if not path.is_file():
        raise RunError(f"{path}: no such file; has the pretraining finished?")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        arch = metadata["arch"]
        module = backbone(arch, small_stem=metadata["small_stem"] == "1")
        module.load_state_dict(tensors)
        crop_size = int(metadata["crop_size"])
    except (safetensors.SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise RunError(f"{path}: not a backbone written by dilo ({error})") from error
    return LoadedBackbone(module=module.eval(), arch=arch, crop_size=crop_size)


def _sort_metadata(content: bytes) -> bytes:
    """Make equal weights equal files: safetensors orders its metadata by chance."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode().ljust(length)
    assert len(text) == length  # the offsets of the tensors count from its end
    return content[:8] + text + content[8 + length :]
