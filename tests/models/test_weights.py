import pytest
import safetensors.torch
import torch

from dilo.errors import RunError
from dilo.models import backbone
from dilo.models.weights import load_backbone, save_backbone


def trained(name: str = "conv6") -> torch.nn.Module:
    """A backbone whose batch norm has seen something."""
    torch.manual_seed(0)
    module = backbone(name, small_stem=True)
    module.to(memory_format=torch.channels_last)
    with torch.no_grad():
        module(torch.randn(4, 3, 16, 16) * 2 + 1)
    return module


@pytest.mark.parametrize("name", ["conv6", "resnet18"])
def test_a_loaded_backbone_gives_the_same_features(tmp_path, name):
    module = trained(name)
    save_backbone(tmp_path / "backbone.safetensors", module, name, True, 16)
    loaded = load_backbone(tmp_path)
    assert (loaded.arch, loaded.crop_size) == (name, 16)
    assert not loaded.module.training
    images = torch.randn(2, 3, 16, 16)
    module.eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded.module(images), module(images))


def test_equal_weights_make_equal_files(tmp_path):
    contents = set()
    for number in range(8):  # the library orders its metadata by chance
        path = tmp_path / f"{number}.safetensors"
        save_backbone(path, trained(), "conv6", True, 16)
        contents.add(path.read_bytes())
    assert len(contents) == 1
    assert len(safetensors.torch.load(contents.pop())) == len(trained().state_dict())


def test_what_is_no_backbone_is_refused(tmp_path):
    path = tmp_path / "backbone.safetensors"
    with pytest.raises(RunError, match="no such file; has the pretraining finished"):
        load_backbone(tmp_path)
    path.write_bytes(b"not safetensors")
    with pytest.raises(RunError, match="not a backbone written by dilo"):
        load_backbone(path)
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(RunError, match=r"not a backbone written by dilo .*arch"):
        load_backbone(path)


@pytest.mark.parametrize(
    ("arch", "message"),
    [("vgg", "no backbone 'vgg'"), ("resnet18", "Missing key")],
)
def test_a_file_of_another_network_is_refused(tmp_path, arch, message):
    path = tmp_path / "backbone.safetensors"
    save_backbone(path, trained(), arch, True, 16)
    with pytest.raises(RunError, match=message):
        load_backbone(path)
