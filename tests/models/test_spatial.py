import pytest
import torch
from torch import nn

from dilo.errors import InputError
from dilo.models import backbone
from dilo.models.inputs import with_input
from dilo.models.spatial import MapLayer, feature_map, find_map_layer, parameters_behind

LAYERS = {
    "conv6": ("layers", 128, 16),
    "resnet18": ("layer4", 512, 4),
    "alexnet": ("conv5", 256, 7),
    "timm/test_resnet": ("layer4", 96, 4),
    "timm/test_convnext": ("stages", 64, 4),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_last_map_comes_just_before_pooling(name):
    layer, channels, side = LAYERS[name]
    with torch.device("meta"):
        network = backbone(name)
        found = find_map_layer(network)
        assert found == (layer, channels)
        assert network.training
        assert not torch.nn.modules.module._global_forward_hooks
        maps = feature_map(network.eval(), found, torch.empty(2, 3, 128, 128))
    assert maps.shape == (2, channels, side, side)
    assert not any(module._forward_hooks for module in network.modules())


def test_pooling_the_map_gives_the_features():
    torch.manual_seed(0)
    network = with_input(backbone("resnet18"), "grey").eval()
    images = torch.randn(2, 3, 64, 64)
    maps = feature_map(network, find_map_layer(network), images)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), network(images))


def test_fully_connected_layers_do_nothing_for_the_map():
    with torch.device("meta"):
        network = backbone("alexnet")
    behind = parameters_behind(network, MapLayer("conv5", 256))
    expected = [*network.fc6.parameters(), *network.fc7.parameters()]
    assert {id(each) for each in behind} == {id(each) for each in expected}
    plain = backbone("conv6")
    assert parameters_behind(plain, find_map_layer(plain)) == []


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 16, stride=16)
        self.block = nn.Linear(8, 8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.block(self.patches(images).flatten(2).mT).mean(dim=1)


@pytest.mark.parametrize("make", [Tokens, lambda: backbone("timm/test_vit")])
def test_networks_of_tokens_are_refused(make):
    network = make()
    with pytest.raises(InputError, match="choose a convolutional one"):
        find_map_layer(network)
    assert network.training
    assert not torch.nn.modules.module._global_forward_hooks
