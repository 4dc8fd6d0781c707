import pytest
import torch
import torchvision

from dilo.errors import InputError
from dilo.models import BACKBONES, backbone


@pytest.mark.parametrize("small_stem", [False, True])
@pytest.mark.parametrize("name", BACKBONES)
def test_backbone_contract(name, small_stem):
    torch.manual_seed(0)
    module = backbone(name, small_stem=small_stem).eval()
    with torch.no_grad():
        features = module(torch.randn(2, 3, 32, 32))
    assert features.shape == (2, module.dim)
    assert features.isfinite().all()


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(InputError, match="no backbone 'vgg'; there are: conv6, conv7"):
        backbone("vgg")


def test_torchvision_loads_our_resnet_and_gives_the_same_features():
    torch.manual_seed(0)
    ours = backbone("resnet18").eval()
    theirs = torchvision.models.resnet18().eval()
    loaded = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert sorted(loaded.missing_keys) == ["fc.bias", "fc.weight"]
    assert loaded.unexpected_keys == []
    theirs.fc = torch.nn.Identity()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


@pytest.mark.parametrize(("small_stem", "side"), [(False, 16), (True, 64)])
def test_a_small_stem_keeps_the_resolution(small_stem, side):
    module = backbone("resnet18", small_stem=small_stem).eval()
    shapes = []
    module.layer1.register_forward_pre_hook(
        lambda layer, inputs: shapes.append(inputs[0].shape)
    )
    with torch.no_grad():
        module(torch.randn(1, 3, 64, 64))
    assert shapes == [(1, 64, side, side)]


@pytest.mark.parametrize("name", ["conv6", "conv7"])
def test_a_small_stem_doubles_the_maps_of_plain_networks(name):
    sides = []
    for small_stem in (False, True):
        layers = backbone(name, small_stem=small_stem).eval().layers
        with torch.no_grad():
            sides.append(layers(torch.randn(1, 3, 32, 32)).shape[-1])
    assert sides[1] == 2 * sides[0]
