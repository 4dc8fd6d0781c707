import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from dilo.pretrain.colorization import (
    gamut_bins,
    rebalancing,
    rgb_to_lab,
    soft_encode,
)


def colours(count: int = 200) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3)) / 255


def test_lab_is_that_of_scikit_image():
    extremes = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 0, 1], [0.01, 0.01, 0.0]])
    rgb = np.concatenate([colours(), extremes])
    ours = rgb_to_lab(torch.from_numpy(rgb)).numpy()
    np.testing.assert_allclose(ours, rgb2lab(rgb), atol=0.02)


def test_every_colour_has_a_bin_within_half_a_grid_step():
    bins = gamut_bins()
    assert bins.shape == (261, 2)
    assert len(bins.unique(dim=0)) == 261
    assert ((bins / 10).round() * 10 == bins).all()
    levels = torch.linspace(0, 1, 20)
    cube = torch.cartesian_prod(levels, levels, levels)
    ab = rgb_to_lab(cube)[:, 1:]
    offset = (ab[:, None] - bins).abs().amax(dim=2).amin(dim=1)
    assert offset.max() <= 5


def naive_encoding(ab: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Follow the definition colour by colour: (M, 2) -> (M, Q)."""
    result = np.zeros((len(ab), len(bins)))
    for row, colour in enumerate(ab):
        distances = [float(np.hypot(*(colour - centre))) for centre in bins]
        nearest = sorted(range(len(bins)), key=lambda place: distances[place])[:5]
        total = sum(np.exp(-(distances[place] ** 2) / 50) for place in nearest)
        for place in nearest:
            result[row, place] = np.exp(-(distances[place] ** 2) / 50) / total
    return result


def test_soft_encoding_is_that_of_its_definition():
    bins = gamut_bins()
    ab = rgb_to_lab(torch.from_numpy(colours(30)))[:, 1:].float()
    chosen, shares = soft_encode(ab, bins)
    ours = torch.zeros(30, len(bins)).scatter_(1, chosen, shares)
    np.testing.assert_allclose(
        ours, naive_encoding(ab.numpy(), bins.numpy()), atol=1e-5
    )
    assert torch.equal(chosen[:, 0], torch.cdist(ab, bins).argmin(dim=1))


def test_rebalancing_keeps_the_mean_and_lifts_the_rare():
    prior = torch.tensor([0.7, 0.2, 0.1, 0.0])
    weights = rebalancing(prior)
    assert (prior * weights).sum().item() == pytest.approx(1)
    assert (weights.diff() > 0).all()
    expected = (0.5 * 0.7 + 0.125) / 0.125  # between the first and the last
    assert (weights[3] / weights[0]).item() == pytest.approx(expected)
    even = torch.full((4,), 0.25)
    torch.testing.assert_close(rebalancing(even), torch.ones(4))
