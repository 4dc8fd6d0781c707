import re
import sys

import pytest
import torch
import torchvision

from dilo.errors import InputError
from dilo.models import BACKBONES, backbone, check_arch

# Too large to be run in a test: what needs no numbers is tested on the meta device.
LARGE = ("alexnet", "vgg16", "resnet50", "resnet50w2")
SMALL = [name for name in BACKBONES if name not in LARGE]
STEMS = [(name, False) for name in BACKBONES]
STEMS += [(name, True) for name in ("conv6", "conv7", "resnet18", "alexnet")]
TIMM = "timm/test_resnet"  # a ResNet of toy size


@pytest.mark.parametrize(("name", "small_stem"), STEMS)
def test_every_backbone_pools_images_of_any_size_and_trains(name, small_stem):
    with torch.device("meta"):
        module = backbone(name, small_stem=small_stem)
        for side in (32, 64, 224):
            features = module(torch.empty(2, 3, side, side))
            assert features.shape == (2, module.dim)
        features.sum().backward()
    assert [n for n, p in module.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", [*SMALL, "alexnet", TIMM])
def test_a_backbone_is_finite_trains_and_keeps_its_state(name):
    torch.manual_seed(0)
    module, copy = backbone(name), backbone(name)
    module.to(memory_format=torch.channels_last)
    images = torch.randn(3, 3, 32, 32)
    module(images).square().sum().backward()
    first = next(module.parameters())
    assert first.grad.isfinite().all()
    assert first.grad.any()
    assert copy.load_state_dict(module.state_dict()) == ([], [])
    with torch.no_grad():
        features = module.eval()(images)
        torch.testing.assert_close(copy.eval()(images), features, rtol=1e-4, atol=1e-4)
    assert features.isfinite().all()
    assert features.std(dim=0).any()  # images are told apart


@pytest.mark.parametrize(
    ("name", "millions", "dim"),
    [
        ("alexnet", 57.0, 4096),
        ("vgg16", 134.3, 4096),
        ("resnet18", 11.2, 512),
        ("resnet50", 23.5, 2048),
        ("resnet50w2", 93.9, 4096),
    ],
)
def test_backbones_are_as_large_as_published(name, millions, dim):
    with torch.device("meta"):
        module = backbone(name)
    count = sum(parameter.numel() for parameter in module.parameters())
    assert (round(count / 1e6, 1), module.dim) == (millions, dim)


def test_a_doubled_network_has_twice_the_channels_everywhere():
    with torch.device("meta"):
        narrow, wide = (
            backbone(name).state_dict() for name in ("resnet50", "resnet50w2")
        )
    assert list(narrow) == list(wide)
    for name in narrow:
        before, after = list(narrow[name].shape), list(wide[name].shape)
        if name == "conv1.weight":
            before[1] *= 0.5  # colours stay three
        assert [2 * size for size in before[:2]] + before[2:] == after, name


def test_the_pooling_of_alexnet_is_the_usual_one_at_its_usual_size():
    with torch.device("meta"):
        module = backbone("alexnet")
        sides = []
        module.pool5.register_forward_pre_hook(
            lambda layer, inputs: sides.append(inputs[0].shape[-1])
        )
        module.eval()(torch.empty(1, 3, 224, 224))
    maps = torch.randn(2, 4, *2 * sides)
    usual = torch.nn.functional.max_pool2d(maps, 3, stride=2)
    torch.testing.assert_close(module.pool5(maps), usual, rtol=0, atol=0)


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


@pytest.mark.parametrize("name", ["resnet18", "resnet50w2"])
@pytest.mark.parametrize(("small_stem", "side"), [(False, 16), (True, 64)])
def test_a_small_stem_keeps_the_resolution(name, small_stem, side):
    with torch.device("meta"):
        module = backbone(name, small_stem=small_stem).eval()
        shapes = []
        module.layer1.register_forward_pre_hook(
            lambda layer, inputs: shapes.append(inputs[0].shape[2:])
        )
        module(torch.empty(1, 3, 64, 64))
    assert shapes == [(side, side)]


@pytest.mark.parametrize("name", ["conv6", "conv7"])
def test_a_small_stem_doubles_the_maps_of_plain_networks(name):
    sides = []
    for small_stem in (False, True):
        layers = backbone(name, small_stem=small_stem).eval().layers
        with torch.no_grad():
            sides.append(layers(torch.randn(1, 3, 32, 32)).shape[-1])
    assert sides[1] == 2 * sides[0]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vgg16", "small_stem has no meaning for vgg16, which starts at full"),
        (TIMM, "timm/test_resnet has no small stem"),
        ("torchvision/resnet34", "torchvision/resnet34 has no small stem"),
    ],
)
def test_a_small_stem_is_refused_where_there_is_none(name, reason):
    with pytest.raises(InputError, match=reason):
        backbone(name, small_stem=True)
    with pytest.raises(InputError, match=reason):
        check_arch(name, small_stem=True)


@pytest.mark.parametrize("name", ["test_resnet", "mobilenetv3_small_050", "test_vit"])
def test_networks_of_timm_give_features_of_the_width_they_say(name):
    side = 96
    with torch.device("meta"):
        module = backbone(f"timm/{name}", crop_size=side).eval()
        assert module(torch.empty(2, 3, side, side)).shape == (2, module.dim)


@pytest.mark.parametrize("name", ["resnet34", "vgg11_bn", "mobilenet_v3_small"])
def test_networks_of_torchvision_end_before_their_classifier(name):
    with torch.device("meta"):
        module = backbone(f"torchvision/{name}").eval()
        assert module(torch.empty(2, 3, 64, 64)).shape == (2, module.dim)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vgg", "no backbone 'vgg'; there are: conv6, conv7, .*timm/NAME .*vgg16"),
        ("timm/resnet5", "timm has no network 'resnet5'; close are: .*resnet50"),
        ("timm/resnet18.x", "timm has no weights 'resnet18.x'; there are: .*a1_in1k"),
        ("torchvision/resnet", "torchvision has no network 'resnet'; close are: .*net"),
        ("torchvision/squeezenet1_0", "squeezenet1_0 has no linear classifier"),
        ("lightly/resnet18", "no backbone 'lightly/resnet18'"),
    ],
)
def test_an_unknown_name_lists_what_is_close(name, reason):
    with pytest.raises(InputError, match=reason):
        backbone(name)


@pytest.mark.parametrize(
    ("name", "side"),
    [("timm/test_vit", 4), ("vgg16", 31)],
)
def test_a_size_that_a_network_cannot_take_is_named(name, side):
    check_arch(name, crop_size=96)
    with pytest.raises(InputError, match=f"^{name} cannot take images of {side} px; "):
        check_arch(name, crop_size=side)


def test_a_network_of_timm_without_timm_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match=re.escape("timm")):
        check_arch("timm/resnet18")
