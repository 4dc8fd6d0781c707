"""MC: agreement with the authors' maps and with slow twins, and known answers."""

import numpy as np
import pytest

import reference
from authors_maps import agreement, correlation, golden_images
from dilo.saliency.graph import distances, region_graph
from dilo.saliency.mc import _absorbed_time, _weights, mc, mc_steps
from pictures import blocks

RNG = np.random.default_rng(0)


def random_walk(count, seed=0):
    """Weights of a connected random graph, and its first regions as the border."""
    rng = np.random.default_rng(seed)
    distance = distances(rng.random((count, 3)))
    linked = rng.random((count, count)) < 0.3
    linked |= linked.T | np.eye(count, dtype=bool)
    linked |= np.eye(count, k=1, dtype=bool) | np.eye(count, k=-1, dtype=bool)
    weights, _ = _weights(distance, linked)
    return weights, distance, linked, np.arange(count) < count // 3


@pytest.mark.parametrize("count", [3, 10, 40])
def test_weights_agree_with_slow_twin(count):
    weights, distance, linked, _ = random_walk(count)
    np.testing.assert_allclose(weights, reference.walk_weights(distance, linked))


def spread(saliency):
    """Mean distance of the tenth, in which a value lies, to the nearer end."""
    tenths = np.minimum(np.floor(10 * saliency), 9)
    return np.mean(np.minimum(tenths + 1, 10 - tenths))


def in_full_range(times):
    """The first from 0 to 1; the second if much of the first is in between."""
    for candidate in times:
        scaled = (candidate - candidate.min()) / np.ptp(candidate)
        if spread(scaled) < 2:
            break
    return scaled


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [6, 10, 40])
def test_time_is_that_of_the_chain_written_out(count, seed):
    weights, border = random_walk(count, seed)[::3]
    degree = weights.sum(axis=1)
    found = _absorbed_time(weights, degree, np.ones(count, bool), border)
    time = [
        reference.absorbed_time(weights, border, start)
        for start in (np.ones(count), 1 / degree)
    ]
    np.testing.assert_allclose(found, in_full_range(time), atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_walk_loses_what_goes_to_dropped_regions(seed):
    weights, border = random_walk(12, seed)[::3]
    degree = weights.sum(axis=1)
    kept = np.arange(12) % 5 != 1
    border = border & kept
    found = _absorbed_time(weights, degree, kept, border)
    total = degree + weights[:, border].sum(axis=1)
    stay = (weights / total[:, None])[kept][:, kept]
    time = [
        np.linalg.inv(np.eye(kept.sum()) - stay) @ start[kept]
        for start in (np.ones(12), 1 / degree)
    ]
    np.testing.assert_allclose(found[kept], in_full_range(time), atol=1e-9)
    assert not found[~kept].any()


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
