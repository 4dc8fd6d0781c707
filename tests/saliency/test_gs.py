"""GS: agreement with the authors' maps and with slow twins, and known answers."""

import numpy as np
import pytest

import reference
from authors_maps import agreement, golden_images
from dilo.saliency.color import mean_lab
from dilo.saliency.graph import distances, region_graph
from dilo.saliency.gs import (
    _border_contrast,
    _distance_to,
    gs,
    gs_of_graph,
    gs_steps,
)
from dilo.saliency.rbd import rbd_steps
from dilo.saliency.superpixels import image_graph
from dilo.saliency.working import find_frame
from pictures import blocks

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("count", [1, 2, 5, 30])
@pytest.mark.parametrize("similar", [1, 3])
def test_border_contrast_agrees_with_slow_twin(count, similar):
    contrast = distances(RNG.normal(size=(count, 3)))
    position = RNG.random((count, 2))
    border = np.flatnonzero(RNG.random(count) < 0.7)
    np.testing.assert_allclose(
        _border_contrast(contrast, position, border, similar),
        reference.border_contrast(contrast, position, border, similar),
    )


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_distance_is_the_shortest_of_all_paths_to_a_seed(count):
    contrast = distances(RNG.normal(size=(count, 3)))
    linked = RNG.random((count, count)) < 0.1
    linked |= linked.T | np.eye(count, dtype=bool)
    border = RNG.random(count) < 0.4
    border[0] = True
    seeds = border & (RNG.random(count) < 0.5)
    seeds[0] = True
    lengths = np.where(
        linked | np.outer(border, border), np.maximum(0, contrast - 0.7), np.inf
    )
    np.testing.assert_allclose(
        _distance_to(seeds, contrast, 0.7, (linked, border)),
        reference.shortest_paths(lengths)[seeds].min(axis=0),
        atol=1e-12,
    )


def test_distance_grows_with_each_step_of_colour_inwards():
    rings = np.zeros((7, 7))
    rings[1:-1, 1:-1], rings[2:-2, 2:-2], rings[3, 3] = 60, 120, 180
    graph = region_graph(*blocks(rings), 4)
    found = gs_of_graph(graph).reshape(7, 7)
    light = mean_lab(np.array([0.0, 60, 120, 180])[:, None].repeat(3, axis=1))[:, 0]
    distance = np.cumsum(np.diff(light) - gs_steps(graph).clip)
    assert not found[rings == 0].any()
    np.testing.assert_allclose(found[3, 1:4], distance / distance[-1], atol=1e-3)


def test_object_at_the_border_is_no_background():
    scene = np.zeros((9, 9))
    scene[3:, 4] = 200  # reaches the lower border
    graph = region_graph(*blocks(scene), 4)
    standing = scene.ravel() > 0
    np.testing.assert_array_equal(gs_steps(graph).seeds, graph.border & ~standing)
    assert (gs_of_graph(graph)[standing] > 0.999).all()


def test_steps_of_rbd_give_the_same_map():
    graph = image_graph(RNG.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    shared = gs_of_graph(graph, rbd_steps(graph))
    np.testing.assert_array_equal(shared, gs_of_graph(graph))


@pytest.mark.realdata
def test_map_equals_the_authors_on_their_superpixels(data_folder):
    for name, image in golden_images(data_folder).items():
        inside = find_frame(image["image"])
        crop, labels = image["image"][inside], image["rbd_labels"].astype(np.int32)
        graph = region_graph(crop, labels, 8)
        steps = gs_steps(graph)
        assert steps.clip == pytest.approx(image["clipVal"].item(), abs=1e-6), name
        np.testing.assert_allclose(steps.saliency, image["geo"][:, 0], atol=1e-6)
        grey = np.zeros(image["image"].shape[:2])
        grey[inside] = np.floor(gs_of_graph(graph)[labels] * 255 + 0.5)
        assert np.abs(grey - image["GS"]).max() <= 1, name


@pytest.mark.realdata
@pytest.mark.slow
def test_200_photographs_follow_the_authors_gs(data_folder):
    similar, ours, theirs = agreement(
        lambda image: gs(image, remove_frame=True), "gs", data_folder
    )
    assert np.median(similar) >= 0.99
    assert np.percentile(similar, 5) >= 0.89
    assert ours[0] == pytest.approx(theirs[0], abs=0.02)
    assert ours[1] == pytest.approx(theirs[1], abs=0.006)
