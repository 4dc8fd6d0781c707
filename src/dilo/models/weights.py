"""Backbones from files, ours and others', and by name: of libraries, or untrained."""

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from dilo.errors import InputError, RunError
from dilo.files import write_atomic
from dilo.models import libraries
from dilo.models.backbones import backbone, check_arch
from dilo.models.inference import LoadedBackbone, find_device
from dilo.models.inputs import renormalise, with_input
from dilo.models.recognise import Fit, fit, recognise
from dilo.models.weight_files import read_weights

FILE_NAME = "backbone.safetensors"
CROP_SIZE = 224  # side of the images in pixels, where nothing else is known


def save_backbone(path: Path, loaded: LoadedBackbone) -> None:
    """Write the weights and what is needed to rebuild the network, atomically."""
    write_atomic(path, encode_backbone(loaded, loaded.module.state_dict()))


def encode_backbone(loaded: LoadedBackbone, tensors: Mapping[str, Tensor]) -> bytes:
    """Make the content of a safetensors file that `load_backbone` reads.

    Args:
        loaded: what the network is, apart from its weights.
        tensors: the weights; equal ones make equal bytes.
    """
    metadata = {
        "arch": loaded.arch,
        "small_stem": str(int(loaded.small_stem)),
        "crop_size": str(loaded.crop_size),
        "input": loaded.input,
    }
    content = safetensors.torch.save(plain(tensors), metadata)
    # The library orders metadata by chance.
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode().ljust(length)
    assert len(text) == length  # the offsets of the tensors count from its end
    return content[:8] + text + content[8 + length :]


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
            other network as `NETWORK@FILE`, such as `timm/convnext_tiny@FILE`;
            `torchvision/NAME` or `timm/NAME` for a network with the weights that the
            library has; NAME alone for one of torchvision; or `random/NAME` for an
            untrained one, whose seed is 0 or the S of `random/NAME:S`.
        device: where it is to work, as `inference.find_device` takes it.

    Returns:
        The backbone, in evaluation mode.

    Raises:
        RunError: there is no such thing, its weights fit no network or are not finite,
            or those of a library cannot be downloaded.
        InputError: the network that `source` names does not exist, or the device.
        ModuleNotFoundError: timm is needed, but not installed.
    """
    place = find_device(device)
    path = Path(source)
    if path.is_dir():
        loaded = _load_run(path)
    elif path.is_file():
        loaded = _load_file(path)
    else:
        loaded = _load_named(str(source))
    _check_finite(str(source), loaded.module)
    loaded.module.eval().to(place)
    return loaded


def _check_finite(source: str, module: nn.Module) -> None:
    for name, tensor in module.state_dict().items():
        if not tensor.isfinite().all():
            raise RunError(
                f"{source}: its weights {name} are not finite numbers; the training "
                "that made them broke down: take an earlier checkpoint of it"
            )


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


def _load_named(text: str) -> LoadedBackbone:
    arch, at, file = text.partition("@")
    if at:
        check_arch(arch)
        return _load_file(Path(file), arch)
    kind, _, name = text.partition("/")
    if kind == "random" and name:
        return _load_random(name)
    if kind in libraries.LIBRARIES and name:
        return _load_published(text)
    if libraries.is_torchvision(text):
        return _load_published(f"torchvision/{text}")
    raise RunError(
        f"{text}: no such file or folder, and no network of that name; a "
        "backbone is a run folder, a file of weights, torchvision/NAME, timm/NAME "
        "or random/NAME"
    )


def _load_published(arch: str) -> LoadedBackbone:
    libraries.check_library(arch)
    theirs = libraries.published(arch)
    try:
        module = libraries.build_library(arch, pretrained=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise RunError(
            f"{arch}: its weights cannot be downloaded ({reason}); where there is a "
            f"network, fetch {theirs.url}, and here give {arch}@FILE"
        ) from error
    renormalise(module, theirs.mean, theirs.std)
    return LoadedBackbone(module=module, arch=arch, crop_size=theirs.crop_size)


def _load_random(text: str) -> LoadedBackbone:
    arch, _, seed = text.partition(":")
    if seed and not seed.isdecimal():
        raise InputError(f"the seed of random/{text} must be a number, got {seed!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed or 0))
        module = backbone(arch)
    return LoadedBackbone(module=module, arch=arch, crop_size=_library_crop_size(arch))


def _library_crop_size(arch: str) -> int:
    return libraries.published(arch).crop_size if "/" in arch else CROP_SIZE


def _load_file(path: Path, arch: str | None = None) -> LoadedBackbone:
    tables, metadata = read_weights(path)
    if arch is None and "arch" in metadata:
        return _load_own(path, tables[0], metadata)
    found = recognise(tables, arch)
    if not found.is_whole:
        raise _unfit(path, arch, found)
    crop_size = int(metadata.get("crop_size", _library_crop_size(found.arch)))
    loaded = _build(found, crop_size, metadata.get("input", "rgb"))
    if "/" in found.arch:
        theirs = libraries.published(found.arch)
        renormalise(loaded.module, theirs.mean, theirs.std)
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
        module=with_input(module, input),
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
