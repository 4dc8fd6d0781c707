import json
import pickle
import re

import numpy as np
import pytest
import timm
import torch
import torchvision

from dilo.errors import InputError, RunError
from dilo.models import backbone
from dilo.models.export import LAYOUTS, Model, convolve_vgg, export
from dilo.models.inference import LoadedBackbone
from dilo.models.weights import load_backbone
from saved import save_backbone

FILES = {
    "torchvision": "x.safetensors",
    "timm": "x.safetensors",
    "moco": "x.pth.tar",
    "detectron2": "x.pkl",
}


def write_run(folder, arch="resnet18", input="rgb"):
    """A finished run whose batch norm has seen something; gives its backbone."""
    torch.manual_seed(0)
    module = backbone(arch)
    with torch.no_grad():
        module(torch.randn(4, 3, 32, 32) * 2 + 1)
    path = folder / "backbone.safetensors"
    save_backbone(path, module, arch, False, 64, input)
    (folder / "config.json").write_text(json.dumps({"epochs": 7}))
    head = {"head.0.weight": torch.ones(2, 2), "head.2.weight": torch.zeros(3, 2)}
    torch.save({"objective": head | {"queue": torch.ones(4)}}, folder / "checkpoint.pt")
    return module.eval()


def usage(text):
    """The code in what an export says."""
    lines = text.splitlines()
    return [line.strip() for line in lines if line.startswith("    ")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Run folder of a ResNet-18, images and their features."""
    folder = tmp_path_factory.mktemp("run")
    module = write_run(folder)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        return folder, images, module(images)


@pytest.mark.parametrize("to", ["torchvision", "timm", "moco"])
def test_the_printed_code_and_we_load_the_same_features(trained, tmp_path, to):
    folder, images, features = trained
    text = export(folder, tmp_path / FILES[to], to)
    scope = {}
    # torchvision's and timm's lines load strictly, which is the default of both.
    exec("\n".join(usage(text)), scope)
    network = scope["network"].eval()
    network.fc = torch.nn.Identity()
    loaded = load_backbone(tmp_path / FILES[to])
    with torch.no_grad():
        torch.testing.assert_close(network(images), features)
        torch.testing.assert_close(loaded.module(images), features)
    assert loaded.crop_size == (224 if to == "moco" else 64)


def test_a_moco_checkpoint_holds_what_mocos_programs_expect(trained, tmp_path):
    folder, *_ = trained
    export(folder, tmp_path / "x.pth.tar", "moco")
    written = torch.load(tmp_path / "x.pth.tar", weights_only=True)
    assert (written["epoch"], written["arch"]) == (7, "resnet18")
    table = written["state_dict"]
    head = {name for name in table if name.startswith("module.encoder_q.fc")}
    assert head == {"module.encoder_q.fc.0.weight", "module.encoder_q.fc.2.weight"}
    # As its linear classification reads it.
    names = {name.removeprefix("module.encoder_q.") for name in set(table) - head}
    expected = set(torchvision.models.resnet18().state_dict())
    assert expected - names == {"fc.weight", "fc.bias"}
    assert names <= expected


def test_a_detectron2_pickle_holds_the_names_of_its_resnets(trained, tmp_path):
    folder, *_ = trained
    lines = usage(export(folder, tmp_path / "x.pkl", "detectron2"))
    written = pickle.loads((tmp_path / "x.pkl").read_bytes())
    assert written["matching_heuristics"] is True
    assert written["__author__"].startswith("dilo ")
    tensors = load_backbone(folder).module.state_dict()
    for theirs, ours in {
        "stem.conv1.weight": "conv1.weight",
        "stem.conv1.norm.running_mean": "bn1.running_mean",
        "res2.0.conv1.weight": "layer1.0.conv1.weight",
        "res2.1.conv2.norm.weight": "layer1.1.bn2.weight",
        "res5.0.shortcut.weight": "layer4.0.downsample.0.weight",
        "res5.0.shortcut.norm.running_var": "layer4.0.downsample.1.running_var",
    }.items():
        np.testing.assert_array_equal(written["model"][theirs], tensors[ours])
    assert all(
        re.fullmatch(
            r"(stem\.conv1|res[2-5]\.\d\.(conv[12]|shortcut))\.(norm\.)?\w+", name
        )
        for name in written["model"]
    )
    counts = [name for name in tensors if name.endswith("num_batches_tracked")]
    assert len(written["model"]) == len(tensors) - len(counts)
    assert "cfg.MODEL.RESNETS.DEPTH = 18" in lines
    assert any("PIXEL_STD = [123.675, 116.28, 103.53]" in line for line in lines)


@pytest.mark.parametrize("arch", ["vgg16", "torchvision/vgg16"])
def test_the_fully_connected_layers_of_vgg_become_timms_convolutions(arch):
    name = "vgg16_bn" if arch == "vgg16" else "vgg16"
    with torch.device("meta"):
        module = backbone(arch)
        loaded = LoadedBackbone(module=module, arch=arch, crop_size=224)
        theirs = timm.create_model(name, num_classes=0).state_dict()
    model = Model(loaded=loaded)
    assert model.name == name
    ours = convolve_vgg(model.tensors)
    assert {n: t.shape for n, t in ours.items()} == {
        n: t.shape for n, t in theirs.items()
    }


@pytest.mark.parametrize(
    ("arch", "to", "reason"),
    [
        ("conv6", "torchvision", "torchvision has no network with the layers of conv6"),
        ("conv6", "timm", "timm has no network with the layers of conv6"),
        ("conv6", "detectron2", "detectron2 takes ResNets, and this is conv6"),
        ("conv6", "moco", "moco takes ResNets, and this is conv6"),
        ("alexnet", "torchvision", "torchvision has no network with the layers of ale"),
        ("resnet50w2", "timm", "timm has no network with the layers of resnet50w2"),
        ("torchvision/resnext50_32x4d", "detectron2", "detectron2 has no network"),
    ],
)
def test_networks_that_a_program_lacks_are_refused(arch, to, reason):
    with torch.device("meta"):
        loaded = LoadedBackbone(module=backbone(arch), arch=arch, crop_size=224)
    with pytest.raises(InputError, match=reason):
        LAYOUTS[to].write(Model(loaded=loaded))


@pytest.mark.parametrize("to", LAYOUTS)
def test_a_small_stem_is_refused(to):
    with torch.device("meta"):
        module = backbone("resnet18", small_stem=True)
    loaded = LoadedBackbone(
        module=module, arch="resnet18", crop_size=32, small_stem=True
    )
    with pytest.raises(InputError, match="layers of resnet18 with a small stem"):
        LAYOUTS[to].write(Model(loaded=loaded))


def test_a_network_of_edges_says_what_to_give_it(tmp_path):
    write_run(tmp_path, "timm/test_resnet", input="sobel")
    text = export(tmp_path, tmp_path / "x.safetensors", "timm")
    assert "with_input(network, 'sobel')" in text
    assert load_backbone(tmp_path / "x.safetensors").input == "sobel"


@pytest.mark.parametrize(
    ("source", "out", "to", "kind", "reason"),
    [
        ("run", "x.safetensors", "onnx", InputError, "to must be one of torchvision"),
        ("run", "x.pth", "timm", InputError, r"file for timm must be \*.safetensors"),
        ("run", ".pkl", "detectron2", InputError, r"must be \*.pkl, got .*\.pkl"),
        ("run", "run/backbone.safetensors", "timm", InputError, "is what is exported"),
        ("unfinished", "x.pkl", "detectron2", RunError, "pretraining has not finished"),
        ("run", "x.pkl", "detectron2", InputError, "detectron2 takes ResNets, and"),
        ("nothing", "x.pkl", "detectron2", RunError, "nothing: no such file or folder"),
    ],
)
def test_what_cannot_be_exported_is_named(tmp_path, source, out, to, kind, reason):
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished/config.json").write_text("{}")
    (tmp_path / "run").mkdir()
    (tmp_path / ".pkl").mkdir()
    save_backbone(
        tmp_path / "run/backbone.safetensors", backbone("conv6"), "conv6", False, 16
    )
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(kind, match=reason):
        export(tmp_path / source, tmp_path / out, to)
    assert sorted(tmp_path.rglob("*")) == before
