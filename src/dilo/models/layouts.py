"""The layouts in which other programs load a backbone: names of weights, and files.

To add one, write a function `Model -> Exported` and one line in `LAYOUTS` below.
"""

import io
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torchvision
from torch import Tensor

import dilo
from dilo.errors import InputError
from dilo.image import MEAN, STD
from dilo.models.detectron2_names import settings, weight_name
from dilo.models.inference import LoadedBackbone
from dilo.models.recognise import shapes
from dilo.models.timm_models import has_fixed_size
from dilo.models.torchvision_models import classifier_path, is_torchvision
from dilo.models.weights import encode_tensors, plain

# Ours that go by other names elsewhere.
_THEIR_NAMES = {"vgg16": "vgg16_bn"}

_RESNET = re.compile(
    r"(conv1|bn1)\.\w+|layer[1-4]\.\d+\.((conv|bn)[1-3]|downsample\.[01])\.\w+"
)
_QUERY = "module.encoder_q."  # MoCo's prefix


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


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The content of a file, and how it is loaded."""

    content: bytes
    usage: tuple[str, ...]  # lines of code, in which FILE stands for the path


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way to write a backbone."""

    suffixes: tuple[str, ...]  # of the file; others would not be loaded
    write: Callable[[Model], Exported]


def for_torchvision(model: Model) -> Exported:
    """Give torchvision's names, without those of the classifier.

    Raises:
        InputError: torchvision has no such network.
    """
    arch = f"torchvision/{model.name}"
    if not is_torchvision(model.name) or not _has_layers(model.tensors, arch):
        raise _no_network("torchvision", model.loaded)
    with torch.device("meta"):
        whole = torchvision.models.get_model(model.name)
    place = re.sub(r"\.(\d+)", r"[\1]", classifier_path(whole, model.name))
    usage = (
        "import safetensors.torch, torch, torchvision",
        f"network = torchvision.models.{model.name}(); "
        f"network.{place} = torch.nn.Identity()",
        "network.load_state_dict(safetensors.torch.load_file(FILE))",
    )
    return Exported(content=_safetensors(model, model.tensors, arch), usage=usage)


def for_timm(model: Model) -> Exported:
    """Give timm's names, without those of the classifier.

    Raises:
        InputError: timm has no such network.
        ModuleNotFoundError: timm is not installed.
    """
    import timm

    tensors = model.tensors
    if model.name.startswith("vgg") and not model.loaded.arch.startswith("timm/"):
        tensors = convolve_vgg(tensors)
    arch, crop_size = f"timm/{model.name}", model.loaded.crop_size
    if not timm.is_model(model.name) or not _has_layers(tensors, arch, crop_size):
        raise _no_network("timm", model.loaded)
    size = f"img_size={crop_size}, " if has_fixed_size(model.name) else ""
    usage = (
        "import timm",
        f'network = timm.create_model("{model.name}", {size}num_classes=0, '
        "checkpoint_path=FILE)",
    )
    return Exported(content=_safetensors(model, tensors, arch), usage=usage)


def for_moco(model: Model) -> Exported:
    """Give the checkpoint that MoCo's programs write, with the head if there is one.

    Raises:
        InputError: the network is no ResNet.
    """
    _check_resnet(model, "moco")
    table = {f"{_QUERY}{name}": value for name, value in model.tensors.items()}
    table |= {f"{_QUERY}fc.{name}": value for name, value in model.head.items()}
    buffer = io.BytesIO()
    content = {"epoch": model.epochs, "arch": model.name, "state_dict": plain(table)}
    torch.save(content, buffer)
    usage: tuple[str, ...] = (
        f"import torch, torchvision; network = torchvision.models.{model.name}()",
        'table = torch.load(FILE, weights_only=True)["state_dict"]',
        f"network.load_state_dict({{name[{len(_QUERY)}:]: table[name] for name in table"
        ' if ".fc." not in name}, strict=False)',
        f"# MoCo's program: main_lincls.py --arch {model.name} --pretrained FILE",
    )
    if not is_torchvision(model.name):
        usage = usage[1:]
    return Exported(content=buffer.getvalue(), usage=usage)


def for_detectron2(model: Model) -> Exported:
    """Give Detectron2's names, for detectors on a ResNet such as R50-C4.

    Raises:
        InputError: the network is no ResNet.
    """
    _check_resnet(model, "detectron2")
    weights = {
        weight_name(name): value.numpy()
        for name, value in plain(model.tensors).items()
        if not name.endswith("num_batches_tracked")  # its frozen norms have none
    }
    content = {
        "model": weights,
        "__author__": f"dilo {dilo.__version__}",
        "matching_heuristics": True,  # finds the backbone within a detector
    }
    scale = 255  # Detectron2 normalises bytes
    usage = (
        "cfg.MODEL.WEIGHTS, cfg.INPUT.FORMAT = FILE, 'RGB'",
        f"cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD = "
        f"{[round(value * scale, 3) for value in MEAN]}, "
        f"{[round(value * scale, 3) for value in STD]}",
        *(
            f"cfg.MODEL.RESNETS.{name} = {value}"
            for name, value in settings(model.tensors, model.name).items()
        ),
    )
    return Exported(content=pickle.dumps(content), usage=usage)


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


LAYOUTS: dict[str, Layout] = {
    "torchvision": Layout(suffixes=(".safetensors",), write=for_torchvision),
    "timm": Layout(suffixes=(".safetensors",), write=for_timm),
    "moco": Layout(suffixes=(".pth.tar", ".pth"), write=for_moco),
    "detectron2": Layout(suffixes=(".pkl",), write=for_detectron2),
}


def _safetensors(model: Model, tensors: Mapping[str, Tensor], arch: str) -> bytes:
    """Write weights so that `load_backbone` knows them again."""
    metadata = {
        "arch": arch,
        "small_stem": "0",
        "crop_size": str(model.loaded.crop_size),
        "input": model.loaded.input,
    }
    return encode_tensors(tensors, metadata)


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
