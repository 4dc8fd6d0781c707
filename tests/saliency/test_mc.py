"""MC: agreement with the authors' maps and with slow twins, and known answers."""

import numpy as np
import pytest

import reference
from authors_maps import agreement, correlation, golden_images
from dilo.saliency.graph import distances, region_graph
from dilo.saliency.mc import _absorbed_time, _spread, _weights, mc, mc_steps
from pictures import blocks

RNG = np.random.default_rng(0)


def random_walk(count):
    """Weights of a connected random graph, and its first regions as the border."""
    distance = distances(RNG.random((count, 3)))
    linked = RNG.random((count, count)) < 0.3
    linked |= linked.T | np.eye(count, dtype=bool)
    linked |= np.eye(count, k=1, dtype=bool) | np.eye(count, k=-1, dtype=bool)
    weights, _ = _weights(distance, linked)
    return weights, distance, linked, np.arange(count) < count // 3


@pytest.mark.parametrize("count", [3, 10, 40])
def test_weights_agree_with_slow_twin(count):
    weights, distance, linked, _ = random_walk(count)
    np.testing.assert_allclose(weights, reference.walk_weights(distance, linked))


@pytest.mark.parametrize("count", [6, 10, 40])
def test_time_is_that_of_the_chain_written_out(count):
    weights, _, _, border = random_walk(count)
    degree = weights.sum(axis=1)
    kept = np.ones(count, bool)
    time = reference.absorbed_time(weights, border, np.ones(count))
    alike = (time - time.min()) / np.ptp(time)
    if _spread(alike) >= 2:
        time = reference.absorbed_time(weights, border, 1 / degree)
        alike = (time - time.min()) / np.ptp(time)
    found = _absorbed_time(weights, degree, kept, border)
    np.testing.assert_allclose(found, alike, atol=1e-9)


def test_walk_loses_what_goes_to_dropped_regions():
    weights, _, _, border = random_walk(12)
    degree = weights.sum(axis=1)
    kept = np.arange(12) != 11
    found = _absorbed_time(weights, degree, kept, border & kept)
    lossy = -weights[:11, :11]
    np.fill_diagonal(lossy, degree[:11] - 1 + weights[:11, border].sum(axis=1))
    total = degree[:11] + weights[:11, border].sum(axis=1)
    time = np.linalg.solve(lossy, np.stack([total, total / degree[:11]], axis=1))
    scaled = (time - time.min(axis=0)) / np.ptp(time, axis=0)
    chosen = scaled[:, 0] if _spread(scaled[:, 0]) < 2 else scaled[:, 1]
    np.testing.assert_allclose(found, chosen, atol=1e-9)


def test_spread_is_how_far_values_are_from_0_and_1():
    assert _spread(np.array([0, 0.05, 0.95, 1])) == 1
    assert _spread(np.array([0.15, 0.85])) == 2
    assert _spread(np.array([0.41, 0.59])) == 5


def test_unique_colour_is_left_out_and_follows_its_neighbours():
    scene = np.full((11, 11), 80.0) + RNG.normal(0, 0.5, (11, 11))
    scene[3:8, 3:8] += 60  # an object, and one region in it unlike all
    scene[5, 5] = 255
    image, labels = blocks(scene)
    steps = mc_steps(region_graph(image, labels, 1))
    assert np.flatnonzero(steps.outliers).tolist() == [5 * 11 + 5]
    assert not steps.kept[5 * 11 + 5]
    saliency = steps.saliency.reshape(11, 11)
    assert saliency[5, 5] == 1
    assert saliency[3:8, 3:8].min() > saliency[[0, -1]].max() + 0.3


def test_frame_is_left_out():
    scene = RNG.normal(120, 0.5, (12, 12))
    scene[[0, -1]] = scene[:, [0, -1]] = 0
    scene[5:7, 5:7] = 200
    image, labels = blocks(scene)
    steps = mc_steps(region_graph(image, labels, 1))
    inside = np.zeros((12, 12), bool)
    inside[1:-1, 1:-1] = True
    np.testing.assert_array_equal(steps.kept, inside.ravel())
    inside[2:-2, 2:-2] = False
    np.testing.assert_array_equal(steps.border, inside.ravel())
    assert not steps.saliency.reshape(12, 12)[0].any()
    assert (steps.saliency.reshape(12, 12)[5:7, 5:7] > 0.9).all()


@pytest.mark.realdata
def test_map_equals_the_authors_on_their_superpixels_of_mc(data_folder):
    for name, image in golden_images(data_folder).items():
        labels = image["mc_labels"].astype(np.int32)
        saliency = mc_steps(region_graph(image["image"], labels, 1)).saliency
        grey = np.floor(saliency[labels] * 255 + 0.5)
        assert np.abs(grey - image["MC"]).max() <= 1, name
        assert correlation(mc(image["image"]), image["MC"]) >= 0.999, name


@pytest.mark.realdata
@pytest.mark.slow
def test_200_photographs_follow_the_authors_mc(data_folder):
    similar, ours, theirs = agreement(mc, "mc", data_folder)
    assert np.median(similar) >= 0.99
    assert np.percentile(similar, 5) >= 0.93
    assert ours[0] == pytest.approx(theirs[0], abs=0.02)
    assert ours[1] == pytest.approx(theirs[1], abs=0.006)
