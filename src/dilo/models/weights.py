"""Backbone weights in files that say which network they belong to, and in others'."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor, nn

from dilo.errors import RunError
from dilo.files import write_atomic
from dilo.models.backbones import LIBRARIES, backbone, check_arch
from dilo.models.inference import LoadedBackbone, find_device
from dilo.models.inputs import renormalise, with_input
from dilo.models.named import library_crop_size, load_named
from dilo.models.recognise import Fit, fit, recognise
from dilo.torch_files import read_torch_file

FILE_NAME = "backbone.safetensors"

# Of the tables in a file, those to try first: what others mean to be used.
_FIRST = ("teacher", "state_dict_ema")
_DEPTH = 5  # of tables in tables; VISSL has four


def save_backbone(
    path: Path,
    module: nn.Module,
    arch: str,
    small_stem: bool,
    crop_size: int,
    input: str = "rgb",
) -> None:
    """Write the weights and what is needed to rebuild the network, atomically."""
    metadata = {
        "arch": arch,
        "small_stem": str(int(small_stem)),
        "crop_size": str(crop_size),
        "input": input,
    }
    write_atomic(path, encode_tensors(module.state_dict(), metadata))


def encode_tensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Make the content of a safetensors file; equal weights make equal bytes."""
    return _sort_metadata(safetensors.torch.save(plain(tensors), dict(metadata)))


def plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring weights to the CPU, in the usual order: they may lie channels_last."""
    return {
        name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()
    }


def load_backbone(source: str | Path, device: str = "cpu") -> LoadedBackbone:
    """Load a backbone from a run, from a file of weights, or by its name.

    Files hold arrays only: one from a stranger cannot run code.

    Args:
        source: a run folder; its backbone.safetensors; a safetensors file, or what
            torch.save wrote, with weights of one of our networks or of torchvision's
            usual ones, bare or in a checkpoint (MoCo's, DINO's, ...); the same of any
            other network as `NETWORK@FILE`, such as `timm/convnext_tiny@FILE`; or
            a name that `named.load_named` knows.
        device: where it is to work, as `inference.find_device` takes it.

    Returns:
        The backbone, in evaluation mode.

    Raises:
        RunError: there is no such thing, or its weights fit no network.
        InputError: the network that `source` names does not exist, or the device.
        ModuleNotFoundError: timm is needed, but not installed.
    """
    place = find_device(device)
    loaded = _load(source)
    loaded.module.to(place)
    return loaded


def _load(source: str | Path) -> LoadedBackbone:
    path = Path(source)
    if path.is_dir():
        return _load_run(path)
    if path.is_file():
        return _load_file(path)
    arch, at, file = str(source).partition("@")
    if at:
        check_arch(arch)
        return _load_file(Path(file), arch)
    named = load_named(str(source))
    if named is None:
        raise RunError(
            f"{source}: no such file or folder, and no network of that name; a "
            "backbone is a run folder, a file of weights, torchvision/NAME, timm/NAME "
            "or random/NAME"
        )
    return named


def _load_run(folder: Path) -> LoadedBackbone:
    path = folder / FILE_NAME
    if not path.is_file():
        what = (
            "the pretraining has not finished; give its command again to go on"
            if (folder / "config.json").is_file()
            else "this is no run folder"
        )
        raise RunError(f"{path}: no such file; {what}")
    return _load_file(path)


def _load_file(path: Path, arch: str | None = None) -> LoadedBackbone:
    tables, metadata = _read(path)
    if arch is None and "arch" in metadata:
        return _load_own(path, tables[0], metadata)
    found = recognise(tables, arch)
    if not found.is_whole:
        raise _unfit(path, arch, found)
    crop_size = int(metadata.get("crop_size", library_crop_size(found.arch)))
    loaded = _build(found, crop_size, metadata.get("input", "rgb"))
    library, _, name = found.arch.rpartition("/")
    if library:
        published = LIBRARIES[library].published(name)
        renormalise(loaded.module, published.mean, published.std)
    return loaded


def _load_own(
    path: Path, table: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> LoadedBackbone:
    """Load what `save_backbone` wrote."""
    try:
        arch, small_stem = metadata["arch"], metadata["small_stem"] == "1"
        crop_size = int(metadata["crop_size"])
        found = fit(table, arch, small_stem, crop_size)
        if not found.is_whole:
            raise _unfit(path, arch, found)
        return _build(found, crop_size, metadata.get("input", "rgb"))
    except (KeyError, ValueError) as error:
        raise RunError(f"{path}: not a backbone written by dilo ({error})") from error


def _build(found: Fit, crop_size: int, input: str) -> LoadedBackbone:
    module = backbone(found.arch, found.small_stem, crop_size)
    module.load_state_dict(found.tensors, strict=False)
    return LoadedBackbone(
        module=with_input(module.eval(), input),
        arch=found.arch,
        crop_size=crop_size,
        small_stem=found.small_stem,
        input=input,
    )


def _unfit(path: Path, arch: str | None, found: Fit) -> RunError:
    if arch is not None:
        return RunError(f"{path}: does not fit {arch} ({found.complaint()})")
    nearest = f", the nearest is {found.arch} ({found.complaint()})"
    return RunError(
        f"{path}: fits none of the networks that a file need not name"
        + (nearest if found.tensors else "")
        + f"; name its network: NETWORK@{path}, such as timm/resnet50d@{path}"
    )


def _read(path: Path) -> tuple[list[dict[str, Tensor]], dict[str, str]]:
    """Read the tables of weights by name in a file, and what it says of itself."""
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


def _sort_metadata(content: bytes) -> bytes:
    """Make equal weights equal files: safetensors orders its metadata by chance."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode().ljust(length)
    assert len(text) == length  # the offsets of the tensors count from its end
    return content[:8] + text + content[8 + length :]
