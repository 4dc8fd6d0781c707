"""Write a backbone for another program: its names of weights, its kind of file.

To add one, write a function `Model -> (content, usage)` and one line in `LAYOUTS`.
"""

import io
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import torch
import torchvision
from torch import Tensor

import dilo
from dilo.errors import InputError, RunError
from dilo.files import write_atomic
from dilo.image import MEAN, STD
from dilo.models.inference import LoadedBackbone
from dilo.models.libraries import classifier_path, has_fixed_size, is_torchvision
from dilo.models.recognise import shapes
from dilo.models.weights import FILE_NAME, encode_backbone, load_backbone, plain
from dilo.runs import Run
from dilo.torch_files import read_torch_file

# Ours that go by other names elsewhere.
_THEIR_NAMES = {"vgg16": "vgg16_bn"}

_RESNET = re.compile(
    r"(conv1|bn1)\.\w+|layer[1-4]\.\d+\.((conv|bn)[1-3]|downsample\.[01])\.\w+"
)
_QUERY = "module.encoder_q."  # MoCo's prefix

# Of Detectron2's own ResNet-50, whose strides are Caffe's.
_DETECTRON2_USUAL = {
    "STRIDE_IN_1X1": True,
    "DEPTH": 50,
    "STEM_OUT_CHANNELS": 64,
    "RES2_OUT_CHANNELS": 256,
    "WIDTH_PER_GROUP": 64,
}

Exported = tuple[bytes, list[str]]  # a file; the code that loads it, as FILE


@dataclass(frozen=True, kw_only=True)
class Model:
    """A backbone that is to be exported, and what belongs to it."""

    loaded: LoadedBackbone
    head: Mapping[str, Tensor] = field(default_factory=dict)  # by the head's own names
    epochs: int = 0  # that it was trained for

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The weights by our names."""
        return self.loaded.module.state_dict()

    @property
    def name(self) -> str:
        """What others call the network, without a library's name and timm's tag."""
        name = self.loaded.arch.rpartition("/")[2].partition(".")[0]
        return _THEIR_NAMES.get(self.loaded.arch, name)


def export(source: str | Path, out: Path, to: str) -> str:
    """Write a backbone for another program, without its classifier.

    Args:
        source: a finished run, or what else `load_backbone` takes.
        out: the file; an older one of that name is replaced.
        to: one of `LAYOUTS`.

    Returns:
        What was written, the code that loads it (lines that are indented), and what to
        mind.

    Raises:
        InputError: there is no such layout, `out` is no name for its files, or the
            program has no such network.
        RunError: the source is no backbone, or an unfinished run.
        ModuleNotFoundError: timm is needed, but not installed.
    """
    if to not in LAYOUTS:
        raise InputError(f"to must be one of {', '.join(LAYOUTS)}, got {to!r}")
    layout = LAYOUTS[to]
    if not out.name.endswith(layout.suffixes) or out.is_dir():
        choices = " or ".join(f"*{suffix}" for suffix in layout.suffixes)
        raise InputError(f"the file for {to} must be {choices}, got {out}")
    if out.resolve() in (Path(source).resolve(), Path(source, FILE_NAME).resolve()):
        raise InputError(f"{out}: is what is exported; name another file")
    model = read_model(source)
    content, usage = layout.write(model)
    write_atomic(out, content)
    lines = [f"{out}: the weights of {model.loaded.arch}, loaded by"]
    lines += [f"    {line.replace('FILE', repr(str(out)))}" for line in usage]
    if model.loaded.input != "rgb":
        lines.append(
            f"It knows {model.loaded.input} images only: before use, "
            f"dilo.models.inputs.with_input(network, {model.loaded.input!r})"
        )
    return "\n".join(lines)


def read_model(source: str | Path) -> Model:
    """Load a backbone, and of a run the head as well.

    Raises:
        RunError: as for `load_backbone`, or the run's checkpoint is damaged.
    """
    loaded = load_backbone(source)
    if not Path(source, "config.json").is_file():
        return Model(loaded=loaded)
    run = Run.open(source)
    epochs = run.field("epochs")
    if not run.checkpoint.is_file():
        return Model(loaded=loaded, epochs=epochs)
    state = read_torch_file(run.checkpoint)
    try:
        head = {
            name.removeprefix("head."): value
            for name, value in state.get("task", state.get("objective")).items()
            if name.startswith("head.")
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{run.checkpoint}: not a checkpoint of ours") from error
    return Model(loaded=loaded, head=head, epochs=epochs)


def _for_torchvision(model: Model) -> Exported:
    """Give torchvision's names, without those of the classifier."""
    arch = f"torchvision/{model.name}"
    if not is_torchvision(model.name) or not _has_layers(model.tensors, arch):
        raise _no_network("torchvision", model.loaded)
    with torch.device("meta"):
        whole = torchvision.models.get_model(model.name)
    place = re.sub(r"\.(\d+)", r"[\1]", classifier_path(whole, model.name))
    usage = [
        "import safetensors.torch, torch, torchvision",
        f"network = torchvision.models.{model.name}(); "
        f"network.{place} = torch.nn.Identity()",
        "network.load_state_dict(safetensors.torch.load_file(FILE))",
    ]
    return encode_backbone(replace(model.loaded, arch=arch), model.tensors), usage


def _for_timm(model: Model) -> Exported:
    """Give timm's names, without those of the classifier."""
    import timm

    tensors = model.tensors
    if model.name.startswith("vgg") and not model.loaded.arch.startswith("timm/"):
        tensors = convolve_vgg(tensors)
    arch, crop_size = f"timm/{model.name}", model.loaded.crop_size
    if not timm.is_model(model.name) or not _has_layers(tensors, arch, crop_size):
        raise _no_network("timm", model.loaded)
    size = f"img_size={crop_size}, " if has_fixed_size(model.name) else ""
    usage = [
        "import timm",
        f'network = timm.create_model("{model.name}", {size}num_classes=0, '
        "checkpoint_path=FILE)",
    ]
    return encode_backbone(replace(model.loaded, arch=arch), tensors), usage


def _for_moco(model: Model) -> Exported:
    """Give the checkpoint that MoCo's programs write, with the head if there is one."""
    _check_resnet(model, "moco")
    table = {f"{_QUERY}{name}": value for name, value in model.tensors.items()}
    table |= {f"{_QUERY}fc.{name}": value for name, value in model.head.items()}
    buffer = io.BytesIO()
    content = {"epoch": model.epochs, "arch": model.name, "state_dict": plain(table)}
    torch.save(content, buffer)
    usage = [
        'table = torch.load(FILE, weights_only=True)["state_dict"]',
        f"network.load_state_dict({{name[{len(_QUERY)}:]: table[name] for name in table"
        ' if ".fc." not in name}, strict=False)',
        f"# MoCo's program: main_lincls.py --arch {model.name} --pretrained FILE",
    ]
    if is_torchvision(model.name):
        build = f"network = torchvision.models.{model.name}()"
        usage.insert(0, f"import torch, torchvision; {build}")
    return buffer.getvalue(), usage


def _for_detectron2(model: Model) -> Exported:
    """Give Detectron2's names, for detectors on a ResNet such as R50-C4."""
    _check_resnet(model, "detectron2")
    weights = {
        _detectron2_name(name): value.numpy()
        for name, value in plain(model.tensors).items()
        if not name.endswith("num_batches_tracked")  # its frozen norms have none
    }
    content = {
        "model": weights,
        "__author__": f"dilo {dilo.__version__}",
        "matching_heuristics": True,  # finds the backbone within a detector
    }
    mean, std = ([round(value * 255, 3) for value in part] for part in (MEAN, STD))
    usage = [
        "cfg.MODEL.WEIGHTS, cfg.INPUT.FORMAT = FILE, 'RGB'",
        f"cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD = {mean}, {std}",
    ]
    usage += [
        f"cfg.MODEL.RESNETS.{name} = {value}"
        for name, value in _detectron2_settings(model).items()
        if value != _DETECTRON2_USUAL[name]
    ]
    return pickle.dumps(content), usage


class Layout(NamedTuple):
    """One way to write a backbone; `write` raises InputError if there is none."""

    suffixes: tuple[str, ...]  # of the file; others would not be loaded
    write: Callable[[Model], Exported]


LAYOUTS = {
    "torchvision": Layout((".safetensors",), _for_torchvision),
    "timm": Layout((".safetensors",), _for_timm),
    "moco": Layout((".pth.tar", ".pth"), _for_moco),
    "detectron2": Layout((".pkl",), _for_detectron2),
}


def convolve_vgg(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn VGG's fully connected layers, fc6 and fc7, into the convolutions of timm."""
    convolved = {}
    for name, tensor in tensors.items():
        if name.startswith(("classifier.0.", "classifier.3.")):
            layer, side = ("fc1", 7) if name.startswith("classifier.0.") else ("fc2", 1)
            name = f"pre_logits.{layer}.{name.rpartition('.')[2]}"
            if tensor.ndim == 2:
                tensor = tensor.reshape(len(tensor), -1, side, side)
        convolved[name] = tensor
    return convolved


def _detectron2_name(name: str) -> str:
    """Turn torchvision's name, such as layer1.0.bn2.bias, to res2.0.conv2.norm.bias."""
    name = re.sub(r"^layer(\d)", lambda match: f"res{int(match[1]) + 1}", name)
    name = re.sub(r"^(?=conv1|bn1)", "stem.", name)
    name = re.sub(r"\bbn(\d)", r"conv\1.norm", name)
    name = name.replace("downsample.0", "shortcut")
    return name.replace("downsample.1", "shortcut.norm")


def _detectron2_settings(model: Model) -> dict[str, bool | int]:
    """Say which ResNet it is: fields of `cfg.MODEL.RESNETS`."""
    depth = re.search(r"resnet(\d+)", model.name)
    return {
        "STRIDE_IN_1X1": False,
        "DEPTH": int(depth[1]) if depth else 50,
        "STEM_OUT_CHANNELS": len(model.tensors["conv1.weight"]),
        "RES2_OUT_CHANNELS": model.tensors["layer2.0.conv1.weight"].shape[1],
        "WIDTH_PER_GROUP": len(model.tensors["layer1.0.conv2.weight"]),
    }


def _has_layers(
    tensors: Mapping[str, Tensor], arch: str, crop_size: int | None = None
) -> bool:
    """Report whether the weights are just those of a network of a library."""
    ours = {name: tensor.shape for name, tensor in tensors.items()}
    return ours == shapes(arch, crop_size=crop_size)


def _check_resnet(model: Model, program: str) -> None:
    tensors = model.tensors
    if not all(_RESNET.fullmatch(name) for name in tensors):
        raise InputError(
            f"{program} takes ResNets, and this is {model.loaded.arch}; "
            "torchvision and timm take others"
        )
    inside, first = tensors["layer1.0.conv2.weight"], tensors["layer1.0.conv1.weight"]
    if tensors["conv1.weight"].shape[2:] != (7, 7) or inside.shape[1] != len(first):
        raise _no_network(program, model.loaded)


def _no_network(program: str, loaded: LoadedBackbone) -> InputError:
    what = f"{loaded.arch} with a small stem" if loaded.small_stem else loaded.arch
    return InputError(
        f"{program} has no network with the layers of {what}; "
        "dilo.models.weights.load_backbone loads it"
    )
