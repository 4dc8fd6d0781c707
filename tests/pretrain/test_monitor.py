import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from lightning.fabric import Fabric

from dilo.augment import ViewConfig
from dilo.data.image_set import SourceSet
from dilo.data.sources import open_source
from dilo.models import backbone
from dilo.models.inference import undisturbed
from dilo.pretrain.monitor import (
    Monitor,
    collapse_warning,
    geometry,
    is_collapsed,
)
from dilo.pretrain.views import Views


@pytest.fixture
def views(scenes) -> Views:
    return Views(
        examples=SourceSet(source=open_source(scenes / "images")),
        crop_size=16,
        config=ViewConfig(),
        seed=3,
        epochs=2,
    )


def monitor(network: torch.nn.Module, views: Views) -> Monitor:
    return Monitor(network, views, Fabric(accelerator="cpu", devices=1))


def measure(network: torch.nn.Module, images: torch.Tensor) -> dict[str, float]:
    with torch.no_grad():
        features = network.eval()(images)
    return vars(geometry(features, features))


def test_opposite_unit_vectors_have_a_known_geometry():
    first = torch.tensor([[3.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -1.0]])
    found = geometry(first, first.roll(2, dims=0))
    assert found.alignment == pytest.approx(2)  # a right angle
    # Of six pairs two lie 2 apart, four sqrt(2).
    expected = math.log((2 * math.exp(-8) + 4 * math.exp(-4)) / 6)
    assert found.uniformity == pytest.approx(expected)
    assert found.spread == pytest.approx(1)
    assert found.effective_rank == pytest.approx(2)


def test_features_drawn_evenly_are_as_uniform_as_can_be():
    features = torch.randn(400, 16, generator=torch.Generator().manual_seed(0))
    found = geometry(features, features)
    assert found.alignment == 0
    # d^2 = 2 - 2 cos, and cos is nearly normal with variance 1/16.
    assert found.uniformity == pytest.approx(-4 + 8 / 16, abs=0.05)
    assert 15 < found.effective_rank <= 16
    assert not is_collapsed(vars(found))


@pytest.mark.parametrize("kind", ["zero", "equal", "line", "nan"])
def test_collapsed_features_are_recognised(kind):
    noise = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    mean = torch.ones(8)
    if kind == "nan":
        numbers = {"spread": math.nan, "effective_rank": math.nan}
    else:
        features = {
            "zero": 0 * noise,
            "equal": mean + 0.002 * noise,
            "line": mean + noise[:, :1] * torch.arange(8) / 20 + 0.001 * noise,
        }[kind]
        numbers = vars(geometry(features, features))
    assert is_collapsed(numbers)
    warning = collapse_warning([{"epoch": 2.0, **numbers}, {"epoch": 3.0}])
    assert "collapsed" in warning
    assert "after epoch 2 (" in warning


@pytest.mark.parametrize("arch", ["conv6", "conv7", "resnet18"])
def test_random_networks_are_not_collapsed(arch, views):
    torch.manual_seed(0)
    numbers = monitor(backbone(arch).eval(), views)()
    assert not is_collapsed(numbers)
    assert collapse_warning([{"epoch": 1.0, **numbers}]) is None
    assert 0 < numbers["alignment"] < 4
    assert -4 < numbers["uniformity"] < 0


def test_a_network_trained_to_make_all_features_equal_is_collapsed():
    torch.manual_seed(0)
    images = F.interpolate(torch.rand(32, 3, 4, 4) * 4 - 2, size=8, mode="bilinear")
    network = backbone("conv6")
    assert not is_collapsed(measure(network, images))
    optimizer = torch.optim.SGD(network.train().parameters(), lr=0.5, momentum=0.9)
    for _ in range(60):
        features = F.normalize(network(images), dim=1)
        loss = (features - features.mean(dim=0)).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert is_collapsed(measure(network, images))


def test_the_sample_stays_the_same_and_nothing_is_disturbed(views):
    torch.manual_seed(0)
    network = backbone("conv6").train()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    watch, other = monitor(network, views), monitor(network, views)
    stream = torch.get_rng_state()
    with undisturbed(network):
        first, second, third = watch(), watch(), other()
    assert first == second == third
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(network.state_dict()[name], state[name]) for name in state)
    assert network.training


def test_unreadable_images_are_left_out(views, tmp_path):
    for index in range(3):
        (tmp_path / f"{index}.png").write_bytes(b"no image")
    empty = replace(views, examples=SourceSet(source=open_source(tmp_path)))
    assert monitor(backbone("conv6").eval(), empty)() == {}
