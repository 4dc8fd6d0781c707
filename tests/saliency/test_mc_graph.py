"""MC's superpixels, links and Lab: slow twins and known answers."""

import numpy as np
import pytest

import reference
from authors_maps import golden_images
from dilo.saliency.color import MC_SPACE, mc_mean_lab, pixel_lab
from dilo.saliency.graph import linked_pairs, neighbors_of, region_graph
from dilo.saliency.mc import (
    add_corners,
    join_opposite_sides,
    outermost,
)
from dilo.saliency.superpixels import mc_seeds, mc_superpixels

RNG = np.random.default_rng(0)


def random_graph(size, values):
    labels = RNG.integers(0, values, size).astype(np.int32)
    labels = np.unique(labels, return_inverse=True)[1].reshape(size).astype(np.int32)
    return region_graph(RNG.integers(0, 256, (*size, 3), dtype=np.uint8), labels, 1)


def touching(graph):
    pairs = neighbors_of(linked_pairs(graph.links), len(graph.links))
    add_corners(graph.labels, pairs)
    return pairs


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (7, 8), (12, 29), (17, 33)])
@pytest.mark.parametrize("values", [2, 5, 300])
def test_touching_agrees_with_slow_twin(size, values):
    graph = random_graph(size, values)
    expected = reference.touching(graph.labels, len(graph.rgb))
    np.testing.assert_array_equal(touching(graph), expected)


def test_regions_touch_at_corners_and_wrap_around():
    labels = np.arange(16, dtype=np.int32).reshape(4, 4)
    graph = region_graph(np.zeros((4, 4, 3), np.uint8), labels, 1)
    near = touching(graph)
    assert np.flatnonzero(near[5]).tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    joined = near.copy()
    join_opposite_sides(labels, joined)
    assert np.flatnonzero(joined[4] & ~near[4]).tolist() == [7]
    assert np.flatnonzero(joined[0] & ~near[0]).tolist() == [3, 12]
    assert (joined == joined.T).all()
    assert np.flatnonzero(~outermost(labels, 16)).tolist() == [5, 6, 9, 10]


def test_seeds_are_spread_evenly():
    assert mc_seeds(400, 22).tolist()[:3] == [11, 33, 55]
    assert len(mc_seeds(400, 22)) == 18
    assert mc_seeds(1, 3).tolist() == [0]
    assert (np.diff(mc_seeds(267, 20)) >= 20).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (48, 48), (240, 320)])
def test_number_of_superpixels_stays_small(size):
    labels, _ = mc_superpixels(RNG.integers(90, 170, (*size, 3), dtype=np.uint8))
    used = np.unique(labels)
    assert used.tolist() == list(range(len(used)))
    assert len(used) <= 400


def test_pixel_lab_of_mc_is_standard():
    image = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    expected = [[0, 0, 0], [100, 0, 0], [53.24, 80.09, 67.20]]
    found = pixel_lab(image, MC_SPACE)[0].T
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_mean_lab_of_mc_is_a_power_of_the_grey_level():
    greys = np.array([8.0, 16, 32, 64, 128, 255])
    light, a, b = mc_mean_lab(np.repeat(greys[:, None], 3, axis=1)).T
    slope = np.diff(np.log(light + 16)) / np.diff(np.log(greys + 0.099))
    np.testing.assert_allclose(slope, 2.222 / 3, rtol=1e-3)
    assert np.abs([a, b]).max() < 1
    assert light[-1] == pytest.approx(6540, abs=1)


@pytest.mark.realdata
def test_superpixels_of_mc_are_the_authors_but_for_ties(data_folder):
    same = [
        (mc_superpixels(image["image"])[0] == image["mc_labels"]).mean()
        for image in golden_images(data_folder).values()
    ]
    assert np.mean(np.array(same) == 1) >= 0.5
    assert min(same) > 0.998
