import numpy as np
import pytest
import torch
from torch import nn

from dilo.attribution.gradient import energy_inside, gradient_map
from dilo.errors import InputError


class Windows(nn.Module):
    """Two features: the mean of the left and of the right half of the first channel."""

    dim = 2

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images):
        left, right = self.norm(images)[:, 0].chunk(2, dim=2)
        return torch.stack([left.mean(dim=(1, 2)), right.mean(dim=(1, 2))], dim=1)


def images(count=3):
    return torch.randn(count, 3, 6, 8, generator=torch.Generator().manual_seed(0))


def test_a_class_that_reads_the_left_half_lights_up_the_left_half(monkeypatch):
    monkeypatch.setattr("dilo.attribution.gradient.BLUR", 0)
    weights = torch.eye(2)[[0, 1, 0]]
    maps = gradient_map(Windows(), images(), weights)
    left = np.tile(np.arange(8) < 4, (6, 1))
    np.testing.assert_array_equal(maps, [left, ~left, left])
    assert maps.dtype == np.float32


def test_map_agrees_with_finite_differences(monkeypatch):
    monkeypatch.setattr("dilo.attribution.gradient.BLUR", 0)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Softplus(), nn.Flatten())
    net, x = net.double(), images(1).double()
    weight = torch.randn(1, net(x).shape[1], dtype=torch.double)
    maps = gradient_map(
        _Double(net),
        x,
        weight.float(),
    )
    expected = np.zeros((3, 6, 8))
    for place in np.ndindex(3, 6, 8):
        moved = x.clone()
        moved[(0, *place)] += 1e-4
        expected[place] = abs(((net(moved) - net(x)) @ weight.T).item())
    expected = expected.max(axis=0)
    np.testing.assert_allclose(maps[0], expected / expected.max(), atol=1e-3)


class _Double(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, pixels):
        return self.net(pixels).float()


def test_batches_do_not_change_the_maps(monkeypatch):
    weights = torch.randn(2, 2)[[0, 1, 1]]
    whole = gradient_map(Windows(), images(), weights)
    monkeypatch.setattr("dilo.attribution.gradient.BATCH_SIZE", 2)
    np.testing.assert_allclose(gradient_map(Windows(), images(), weights), whole)


def test_a_sum_that_no_pixel_bears_on_gives_zeros():
    assert not gradient_map(Windows(), images(), torch.zeros(3, 2)).any()


def test_the_network_is_left_as_it_was():
    net = Windows().train()
    before = net.norm.running_mean.clone()
    weights = torch.eye(2)[[0, 1, 0]]
    with torch.inference_mode():
        gradient_map(net, images(), weights)
    assert net.training
    assert torch.equal(net.norm.running_mean, before)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_energy_of_known_maps():
    mask = np.zeros((1, 4, 4), bool)
    mask[0, :2, :2] = True
    uniform = np.ones((1, 4, 4), np.float32)
    for maps, energy in ((uniform, 0.25), (uniform * mask, 1), (uniform * ~mask, 0)):
        inside = energy_inside(maps, mask)
        assert inside.mean_energy == pytest.approx(energy)
        assert inside.mean_area == pytest.approx(0.25)


def test_a_map_of_zeros_counts_as_uniform():
    mask = np.eye(4, dtype=bool)[None]
    inside = energy_inside(np.zeros((1, 4, 4), np.float32), mask)
    assert inside.mean_energy == inside.mean_area == 0.25


def test_images_without_an_object_are_left_out_of_the_means():
    maps = np.ones((2, 4, 4), np.float32)
    masks = np.stack([np.eye(4, dtype=bool), np.zeros((4, 4), bool)])
    inside = energy_inside(maps, masks)
    assert np.isnan(inside.energy[1])
    assert inside.mean_energy == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("maps", "masks", "message"),
    [
        (np.ones((1, 4, 4)), np.ones((1, 4, 5), bool), r"\(1, 4, 4\) and \(1, 4, 5\)"),
        (np.ones((1, 4, 4)), np.zeros((1, 4, 4), bool), "every mask is empty"),
        (-np.ones((1, 4, 4)), np.ones((1, 4, 4), bool), "0 or more, got -1"),
    ],
)
def test_bad_maps_are_refused(maps, masks, message):
    with pytest.raises(InputError, match=message):
        energy_inside(maps.astype(np.float32), masks)


def test_bad_images_are_refused():
    weights = torch.eye(2)[[0, 1, 0]]
    with pytest.raises(InputError, match=r"got \(3, 4, 4\)"):
        gradient_map(Windows(), torch.zeros(3, 4, 4), weights)
