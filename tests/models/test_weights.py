import argparse
import os
import pickle
import re
import urllib.error

import pytest
import safetensors.torch
import torch
import torchvision

from dilo.errors import InputError, RunError
from dilo.models import backbone
from dilo.models.export import read_model
from dilo.models.recognise import recognise
from dilo.models.weights import load_backbone
from saved import save_backbone


def trained(name: str = "conv6", small_stem: bool = True) -> torch.nn.Module:
    """A backbone whose batch norm has seen something."""
    torch.manual_seed(0)
    module = backbone(name, small_stem=small_stem)
    module.to(memory_format=torch.channels_last)
    with torch.no_grad():
        module(torch.randn(4, 3, 32, 32) * 2 + 1)
    return module.eval()


@pytest.fixture(scope="module")
def resnet():
    """ResNet-18 as others publish it: seen data, with a classifier."""
    torch.manual_seed(1)
    network = torchvision.models.resnet18(num_classes=5)
    with torch.no_grad():
        network(torch.randn(4, 3, 32, 32) * 2 + 1)
    return network.eval()


def features_of(network, images):
    """What a whole torchvision ResNet feeds to its classifier."""
    seen = []
    handle = network.fc.register_forward_pre_hook(
        lambda layer, inputs: seen.append(inputs[0])
    )
    with torch.no_grad():
        network(images)
    handle.remove()
    return seen[0]


def assert_same_features(loaded, expected, images):
    assert not loaded.module.training
    with torch.no_grad():
        torch.testing.assert_close(loaded.module(images), expected)


@pytest.mark.parametrize("name", ["conv6", "resnet18", "timm/test_resnet"])
def test_a_loaded_backbone_gives_the_same_features(tmp_path, name):
    small_stem = not name.startswith("timm")
    module = trained(name, small_stem)
    save_backbone(tmp_path / "backbone.safetensors", module, name, small_stem, 16)
    loaded = load_backbone(tmp_path)
    assert (loaded.arch, loaded.crop_size) == (name, 16)
    assert (loaded.small_stem, loaded.input) == (small_stem, "rgb")
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert_same_features(loaded, module(images), images)


def test_a_vision_transformer_of_another_size_is_rebuilt(tmp_path):
    module = backbone("timm/test_vit", crop_size=96).eval()
    save_backbone(tmp_path / "backbone.safetensors", module, "timm/test_vit", False, 96)
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        assert_same_features(load_backbone(tmp_path), module(images), images)


def test_a_loaded_backbone_sees_only_the_colours_that_it_was_trained_on(tmp_path):
    path = tmp_path / "backbone.safetensors"
    save_backbone(path, trained(), "conv6", True, 16, input="grey")
    loaded = load_backbone(path)
    assert loaded.input == "grey"
    images = torch.randn(2, 3, 16, 16)
    turned = images.clone()
    # As bright as before: what red gains, weighted by its luma, green loses.
    turned[:, 0] += 0.1 / (0.299 * 0.229)
    turned[:, 1] -= 0.1 / (0.587 * 0.224)
    with torch.no_grad():
        assert_same_features(loaded, loaded.module(turned), images)


def test_equal_weights_make_equal_files(tmp_path):
    contents = set()
    for number in range(8):  # the library orders its metadata by chance
        path = tmp_path / f"{number}.safetensors"
        save_backbone(path, trained(), "conv6", True, 16)
        contents.add(path.read_bytes())
    assert len(contents) == 1
    assert len(safetensors.torch.load(contents.pop())) == len(trained().state_dict())


def behind(prefix, tensors):
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def moco(tensors):
    """A checkpoint as MoCo's program writes it; the moving average comes first."""
    wrong = {name: tensor + 1 for name, tensor in tensors.items()}
    table = behind("module.encoder_k.", wrong) | behind("module.encoder_q.", tensors)
    table["module.queue"] = torch.zeros(4, 8)
    moments = {"state": {0: {"momentum_buffer": torch.zeros(3)}}}
    flags = argparse.Namespace(lr=0.03)
    return {"args": flags, "arch": "x", "state_dict": table, "optimizer": moments}


def numbered(tensors, layers):
    """Names as of `nn.Sequential`, in which the blocks are these layers."""
    numbers = dict(zip(("conv1", "bn1", *STAGES), layers, strict=True))
    split = ((*name.partition(".")[::2], tensor) for name, tensor in tensors.items())
    return {f"{numbers.get(b, b)}.{rest}": tensor for b, rest, tensor in split}


STAGES = ("layer1", "layer2", "layer3", "layer4")
LATER = (4, 5, 6, 7)

CHECKPOINTS = {
    "bare": dict,
    # nn.Sequential(*list(resnet.children())[:-1]), as lightly's examples have it
    "sequence": lambda tensors: (
        behind("backbone.", numbered(tensors, (0, 1, *LATER)))
        | behind("backbone_momentum.", numbered(tensors, (0, 1, *LATER)))
        | {"projection_head.layers.0.weight": torch.ones(512, 512)}
    ),
    # the same of a network that keeps no layers without weights
    "dense": lambda tensors: {"state_dict": numbered(tensors, range(6))},
    "module": lambda tensors: {"state_dict": behind("module.", tensors)},
    "lightly": lambda tensors: {"state_dict": behind("backbone.", tensors)},
    "moco": moco,
    "dino": lambda tensors: {
        "student": behind("module.backbone.", {n: t + 1 for n, t in tensors.items()}),
        "teacher": behind("backbone.", tensors) | {"head.mlp.0.weight": torch.ones(2)},
    },
    "old": lambda tensors: {n: t for n, t in tensors.items() if "num_batches" not in n},
}


@pytest.mark.parametrize("form", CHECKPOINTS)
def test_public_checkpoints_are_recognised(tmp_path, form, resnet):
    path = tmp_path / "model.pth.tar"
    content = CHECKPOINTS[form](resnet.state_dict())
    # MoCo's own files are of the time before torch.save wrote zip archives.
    torch.save(content, path, _use_new_zipfile_serialization=form != "moco")
    loaded = load_backbone(path)
    assert (loaded.arch, loaded.small_stem) == ("resnet18", False)
    assert loaded.crop_size == 224
    published = resnet.state_dict()
    for name, tensor in loaded.module.state_dict().items():
        if form != "old" or "num_batches" not in name:
            assert torch.equal(tensor, published[name])


def test_a_plain_safetensors_file_is_recognised(tmp_path, resnet):
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(resnet.state_dict(), path)
    images = torch.randn(2, 3, 64, 64)
    assert_same_features(load_backbone(path), features_of(resnet, images), images)


@pytest.mark.parametrize(
    ("network", "arch", "small_stem"),
    [
        (torchvision.models.resnet50, "resnet50", False),
        (torchvision.models.wide_resnet50_2, "torchvision/wide_resnet50_2", False),
        (torchvision.models.alexnet, "torchvision/alexnet", False),
        (torchvision.models.vgg16_bn, "vgg16", False),
        (lambda: backbone("alexnet", small_stem=True), "alexnet", True),
        (lambda: backbone("resnet50w2", small_stem=True), "resnet50w2", True),
    ],
)
def test_networks_are_told_apart_by_names_and_shapes(network, arch, small_stem):
    with torch.device("meta"):
        found = recognise([network().state_dict()])
    assert found.is_whole
    assert (found.arch, found.small_stem) == (arch, small_stem)


def test_a_file_of_any_network_is_read_by_its_name(tmp_path):
    torch.manual_seed(0)
    module = backbone("timm/test_resnet").eval()
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(module.state_dict(), path)
    loaded = load_backbone(f"timm/test_resnet@{path}")
    assert loaded.arch == "timm/test_resnet"
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(loaded.module(images), module(images))
        # timm's own weights of this network know colours by the mean and deviation
        # 0.5, so that white is 1 there.
        white = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
            [0.229, 0.224, 0.225]
        )
        images = white.view(1, 3, 1, 1).expand(1, 3, 32, 32)
        assert_same_features(loaded, module(torch.ones(1, 3, 32, 32)), images)


@pytest.mark.parametrize(
    ("arch", "reason"),
    [
        (
            "resnet50",
            r"not fit resnet50 \(missing: layer1.0.conv3.weight, .* more",
        ),
        ("conv6", r"does not fit conv6 \(missing: every weight\)"),
        (
            "",
            r"fits none .*nearest is resnet18 \(missing: layer4.0.conv1.weight\)",
        ),
    ],
)
def test_weights_that_fit_no_network_say_what_is_amiss(tmp_path, arch, reason, resnet):
    tensors = resnet.state_dict()
    del tensors["layer4.0.conv1.weight"]
    path = tmp_path / "weights.pth"
    torch.save(tensors, path)
    with pytest.raises(RunError, match=reason) as caught:
        load_backbone(f"{arch}@{path}" if arch else path)
    assert "\n" not in str(caught.value)


def test_a_hostile_pickle_runs_no_code(tmp_path):
    mark = tmp_path / "mark"

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    path = tmp_path / "model.pth.tar"
    hostile = {"state_dict": {"conv1.weight": Hostile()}}
    torch.save(hostile, path)
    with pytest.raises(RunError, match=r"object \S+mkdir, which could") as caught:
        load_backbone(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(pickle.dumps(hostile))
    with pytest.raises(RunError, match="another protocol than"):
        load_backbone(path)
    assert not mark.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, value, resnet):
    broken = {name: tensor.clone() for name, tensor in resnet.state_dict().items()}
    broken["layer2.0.conv1.weight"][3, 2, 1, 0] = value
    torch.save(broken, tmp_path / "resnet.pth")
    message = r"resnet.pth: its weights layer2.0.conv1.weight are not finite"
    with pytest.raises(RunError, match=message):
        load_backbone(tmp_path / "resnet.pth")
    with pytest.raises(RunError, match=message):
        read_model(tmp_path / "resnet.pth")  # for export


def test_what_is_no_backbone_is_refused(tmp_path):
    path = tmp_path / "backbone.safetensors"
    with pytest.raises(RunError, match="no such file; this is no run folder"):
        load_backbone(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RunError, match="the pretraining has not finished"):
        load_backbone(tmp_path)
    path.write_bytes(b"not safetensors")
    with pytest.raises(RunError, match="not a safetensors file"):
        load_backbone(path)
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(RunError, match="name its network: NETWORK@"):
        load_backbone(path)
    (tmp_path / "x.pth").write_bytes(b"no pickle")
    with pytest.raises(RunError, match=r"not a file .* or damaged$"):
        load_backbone(tmp_path / "x.pth")
    torch.save({"objective": {}, "optimizer": {}, "diary": {}}, tmp_path / "x.pt")
    with pytest.raises(RunError, match="give the run folder once it has finished"):
        load_backbone(tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("arch", "reason"),
    [
        ("vgg", "no backbone 'vgg'"),
        ("resnet18", r"does not fit resnet18 \(missing: conv1.weight, bn1"),
    ],
)
def test_a_file_of_another_network_is_refused(tmp_path, arch, reason):
    path = tmp_path / "backbone.safetensors"
    save_backbone(path, trained(), arch, True, 16)
    with pytest.raises(RunError, match=reason):
        load_backbone(path)


def test_untrained_references_depend_on_the_seed_alone():
    state = torch.get_rng_state()
    images = torch.randn(2, 3, 32, 32)
    torch.set_rng_state(state)
    names = ("random/conv6", "random/conv6:0", "random/conv6:1")
    first, again, other = map(load_backbone, names)
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        assert_same_features(first, again.module(images), images)
        assert not torch.equal(first.module(images), other.module(images))


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        (
            "nowhere",
            RunError,
            "nowhere: no such file or folder, and no network",
        ),
        ("random/vgg", InputError, "no backbone 'vgg'"),
        ("random/conv6:x", InputError, "seed of random/conv6:x must be a number"),
        ("torchvision/resnet5", InputError, "torchvision has no network 'resnet5'"),
        ("timm/resnet5", InputError, "timm has no network 'resnet5'"),
        ("resnet50@nowhere.pth", RunError, "nowhere.pth: no such file"),
        ("resnet5@nowhere.pth", InputError, "no backbone 'resnet5'"),
    ],
)
def test_names_of_nothing_are_refused(name, kind, reason):
    with pytest.raises(kind, match=re.escape(reason)):
        load_backbone(name)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("resnet18", "https://download.pytorch.org/models/resnet18-f37072fd.pth"),
        ("torchvision/resnet18", "https://download.pytorch.org/models/resnet18-"),
        ("timm/test_vit", "https://huggingface.co/timm/test_vit"),
    ],
)
def test_without_a_network_the_error_says_where_weights_are(name, url, monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr("timm.create_model", refuse)
    with pytest.raises(RunError, match=f"cannot be downloaded .*{url}"):
        load_backbone(name)
    monkeypatch.undo()


def test_pretrained_weights_come_from_the_library(monkeypatch, resnet):
    monkeypatch.setattr(
        "torchvision.models._api.WeightsEnum.get_state_dict",
        lambda weights, **options: resnet_1000(resnet),
    )
    loaded = load_backbone("resnet18")
    assert (loaded.arch, loaded.crop_size) == ("torchvision/resnet18", 224)
    images = torch.randn(2, 3, 64, 64)
    assert_same_features(loaded, features_of(resnet, images), images)


def resnet_1000(resnet):
    """Its weights with a classifier of ImageNet's size."""
    shapes = {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    return resnet.state_dict() | shapes
