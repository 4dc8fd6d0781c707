"""Colour, superpixels and their graph: the kernels agree with their slow twins."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import reference
from dilo.saliency import rbd
from dilo.saliency.cluster import cluster
from dilo.saliency.color import mean_lab, pixel_lab
from dilo.saliency.connect import connect
from dilo.saliency.graph import (
    distances,
    linked_lengths,
    linked_pairs,
    mean_nearest,
    neighbors_of,
    region_graph,
    two_ring,
)
from dilo.saliency.paths import shortest_paths
from dilo.saliency.superpixels import grid_centers, slic, superpixel_side

RNG = np.random.default_rng(0)
SIZES = [(1, 1), (1, 9), (9, 1), (13, 29), (30, 17)]


def noise(size, low=0, high=256):
    return RNG.integers(low, high, (*size, 3), dtype=np.uint8)


def slic_labels(lab, side, **options):
    return slic(lab, side, **options)[0].copy()  # else overwritten by the next call


def paths(lengths, last=None, limit=np.inf):
    last = np.zeros(len(lengths), bool) if last is None else last
    ordered = np.empty_like(lengths)
    order = shortest_paths(lengths, last, limit, ordered)
    found = np.empty_like(ordered)
    found[np.ix_(order, order)] = ordered
    return found


@pytest.mark.parametrize("size", SIZES)
def test_pixel_lab_follows_the_formulas(size):
    image = noise(size)
    image[0, 0] = 0
    image[-1, -1] = 255
    np.testing.assert_allclose(pixel_lab(image), reference.slic_lab(image), atol=2e-4)


def test_lab_of_grey_has_no_colour():
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    assert np.abs(pixel_lab(greys[:, None])[:, 1:]).max() < 0.02
    of_mean = mean_lab(greys.astype(np.float64))
    assert np.abs(of_mean[:, 1:]).max() < 0.02
    assert (np.diff(of_mean[:, 0]) > 0).all()
    np.testing.assert_allclose(of_mean[[0, 255], 0], [0, 100], atol=0.01)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [2, 3, 5])
def test_iterations_agree_with_slow_twin(size, side):
    lab = pixel_lab(noise(size)).astype(np.float64)
    centers = grid_centers(lab, side)
    slow_centers = centers.copy()
    slow_labels = np.zeros(size, np.int32)
    labels = cluster(lab, centers, (side, 0.8, 3, 1))[:, : size[1]]
    reference.slic_iterations(lab, slow_centers, slow_labels, side, 0.8, 3)
    np.testing.assert_array_equal(labels, slow_labels)


@pytest.mark.parametrize("size", [*SIZES, (40, 60)])
@pytest.mark.parametrize("smallest", [0, 1, 3, 10, 10_000])
def test_connect_agrees_with_slow_twin(size, smallest):
    for values in (2, 4, 30):
        labels = RNG.integers(0, values, size, dtype=np.int32)
        found, _ = connect(labels, smallest)
        np.testing.assert_array_equal(found, reference.connect(labels, smallest))


def test_superpixels_are_connected_numbered_and_not_tiny():
    lab = pixel_lab(noise((60, 80), 90, 170))
    labels = slic_labels(lab, 10)
    assert labels.dtype == np.int32
    used, sizes = np.unique(labels, return_counts=True)
    assert used.tolist() == list(range(len(used)))
    assert sizes.min() > 25
    np.testing.assert_array_equal(connect(labels, 0)[0], labels)


def test_superpixels_follow_colours():
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, 33:] = 255
    labels = slic_labels(pixel_lab(image), 15)
    assert not set(labels[:, :33].ravel()) & set(labels[:, 33:].ravel())


def test_precision_hardly_matters():
    lab = pixel_lab(noise((60, 80), 90, 170))
    double = slic_labels(lab.astype(np.float64), 10)
    assert (slic_labels(lab, 10) == double).mean() > 0.98


def test_side_at_the_standard_density():
    assert superpixel_side(300, 400, 200) == 24
    assert superpixel_side(267, 400, 178) == 24
    assert superpixel_side(2, 2, 1000) == 3


@pytest.mark.parametrize("size", SIZES)
def test_regions_agree_with_slow_twin(size):
    image = noise(size)
    labels = RNG.integers(0, 4, size) // 2
    labels = np.unique(labels, return_inverse=True)[1].reshape(size).astype(np.int32)
    count = int(labels.max()) + 1
    for band in (1, 3):
        graph = region_graph(image, labels, band)
        sums, links, border = reference.measure_regions(image, labels, count, band)
        np.testing.assert_array_equal(graph.links, links)
        np.testing.assert_array_equal(graph.border, border)
        np.testing.assert_allclose(graph.rgb, sums[:, :3] / sums[:, 5:])
        places = sums[:, 3:5] / sums[:, 5:] / size
        np.testing.assert_allclose(graph.position, places)


def test_region_graph_of_two_halves():
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, 3:] = 200
    graph = region_graph(image, np.arange(6)[None].repeat(4, 0) // 3, band=1)
    assert graph.rgb.tolist() == [[0, 0, 0], [200, 200, 200]]
    assert graph.links.tolist() == [[False, True], [False, False]]
    assert neighbors_of(linked_pairs(graph.links), 2).all()
    np.testing.assert_allclose(np.diff(graph.position, axis=0), [[0, 0.5]])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9, 30])
def test_graph_kernels_agree_with_slow_twins(count):
    points = RNG.normal(size=(count, 3))
    lengths = distances(points)
    np.testing.assert_allclose(lengths, reference.distances(points), atol=1e-12)
    linked = RNG.random((count, count)) < 0.2
    linked |= linked.T | np.eye(count, dtype=bool)
    ring = two_ring(linked, linked_pairs(linked))
    np.testing.assert_array_equal(ring, reference.two_ring(linked))
    assert mean_nearest(lengths, linked) == pytest.approx(
        reference.mean_nearest(lengths, linked)
    )
    off = linked & ~np.eye(count, dtype=bool)
    edges = linked_lengths(lengths, off, linked_pairs(off))
    assert sorted(edges) == sorted(lengths[np.tril(linked, -1)])
    lengths[~linked] = np.inf
    slow = reference.shortest_paths(lengths)
    np.testing.assert_allclose(paths(lengths), slow, atol=1e-12)
    last = RNG.random(count) < 0.3
    np.testing.assert_allclose(paths(lengths, last), slow, atol=1e-12)
    bounded, near = paths(lengths, last, 1.5), slow <= 1.5
    np.testing.assert_allclose(bounded[near], slow[near], atol=1e-12)
    assert (bounded[~near] > 1.5).all()


def test_kept_memory_is_each_threads_own_and_does_not_leak_into_results():
    images = [noise((40, 56)), noise((24, 90)), np.zeros((40, 56, 3), np.uint8)]
    alone = [rbd(image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(rbd, images * 4))
    for index, saliency in enumerate(together):
        np.testing.assert_array_equal(saliency, alone[index % 3])
