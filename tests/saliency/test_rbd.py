"""RBD: agreement with the authors' maps, and what must hold for any image."""

import numpy as np
import pytest

from authors_maps import correlation
from dilo.image import read_image, read_map, read_mask
from dilo.saliency.color import pixel_lab
from dilo.saliency.graph import paint, region_graph
from dilo.saliency.numeric import otsu
from dilo.saliency.rbd import rbd, rbd_of_graph, rbd_steps
from dilo.saliency.superpixels import (
    border_band,
    default_superpixels,
    slic,
    superpixel_side,
)
from dilo.saliency.working import find_frame
from pictures import object_on_ground

STEPS = {
    "clipVal": "clip",
    "geoSigma": "geodesic_sigma",
    "neiSigma": "smoothness_sigma",
    "bdCon": "boundary_connectivity",
    "bgProb": "background",
    "wCtr": "contrast",
    "opt": "saliency",
    "meanLabCol": "color",
}


def map_of_regions(image, labels):
    graph = region_graph(image, labels, 8, np.float32)
    return paint(rbd_of_graph(rbd_steps(graph)), graph.labels)


def test_mirrored_image_gives_mirrored_map_of_regions():
    image, _ = object_on_ground()
    labels = (np.arange(120)[:, None] // 12 * 16 + np.arange(160) // 10).astype(
        np.int32
    )
    straight = map_of_regions(image, labels)
    mirrored = map_of_regions(image[:, ::-1], labels[:, ::-1])
    np.testing.assert_allclose(mirrored[:, ::-1], straight, atol=2e-2)


def test_number_of_superpixels():
    assert default_superpixels(300, 400) == 200
    assert default_superpixels(267, 400) == 178
    assert default_superpixels(192, 256) == 200
    assert default_superpixels(48, 48) == 61
    assert default_superpixels(1, 1) == 1
    assert default_superpixels(3000, 4000) == 400


def test_band_is_8_pixels_at_the_standard_density():
    assert border_band(24) == border_band(25) == 8
    assert border_band(3) == 1


def test_otsu_separates_two_levels_and_is_zero_for_one():
    assert 0.2 < otsu(np.array([0.2, 0.2, 0.7, 0.8])) < 0.7
    assert otsu(np.full(9, 0.4)) == 0


@pytest.fixture(scope="module")
def golden(data_folder):
    """Ten images with the maps and steps of the authors' program, by name."""
    arrays = np.load(data_folder.parent / "reference" / "golden10.npz")
    images: dict[str, dict[str, np.ndarray]] = {}
    for key in arrays.files:
        name, field = key.split("/")
        images.setdefault(name, {})[field] = arrays[key]
    return images


@pytest.mark.realdata
def test_frame_is_that_of_the_authors_program(golden):
    for name, image in golden.items():
        rows, columns = find_frame(image["image"])
        found = [rows.start + 1, rows.stop, columns.start + 1, columns.stop]
        assert found == image["frame"][2:].tolist(), name


@pytest.mark.realdata
def test_steps_and_map_equal_the_authors_on_their_superpixels(golden):
    for name, image in golden.items():
        inside = find_frame(image["image"])
        crop, labels = image["image"][inside], image["rbd_labels"].astype(np.int32)
        steps = rbd_steps(region_graph(crop, labels, 8))
        for field, ours in STEPS.items():
            value = np.reshape(getattr(steps, ours), image[field].shape)
            np.testing.assert_allclose(value, image[field], atol=1e-6, err_msg=name)
        grey = np.zeros(image["image"].shape[:2])
        grey[inside] = np.floor(map_of_regions(crop, labels) * 255 + 0.5)
        assert np.abs(grey - image["RBD"]).max() <= 1, name


def standard_rbd(image):
    """RBD at the authors' density, one superpixel per 600 pixels."""
    height, width, _ = image[find_frame(image)].shape
    return rbd(image, superpixels=round(height * width / 600), remove_frame=True)


@pytest.mark.realdata
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_superpixels_equal_the_authors(golden, precision):
    same = []
    for image in golden.values():
        crop = image["image"][find_frame(image["image"])]
        height, width, _ = crop.shape
        side = superpixel_side(height, width, round(height * width / 600))
        labels, _ = slic(pixel_lab(crop).astype(precision), side)
        same.append((labels == image["rbd_labels"]).all())
    assert np.mean(same) >= 0.8


@pytest.mark.realdata
def test_own_superpixels_hardly_change_the_map(golden):
    found = [correlation(standard_rbd(i["image"]), i["RBD"]) for i in golden.values()]
    assert np.median(found) >= 0.9999
    assert np.percentile(found, 5) >= 0.99


@pytest.mark.realdata
@pytest.mark.slow
def test_200_photographs_follow_the_authors_maps_and_scores(data_folder):
    data = data_folder
    maps = data.parent / "reference" / "ecssd200" / "rbd"
    similar, ours, theirs = [], [], []
    for path in sorted((data / "ecssd200" / "images").iterdir()):
        saliency = standard_rbd(read_image(path))
        reference = read_map(maps / f"{path.stem}.png")
        truth = read_mask(data / "ecssd200" / "masks" / f"{path.stem}.png")
        similar.append(correlation(saliency, reference))
        ours.append(curves(saliency, truth))
        theirs.append(curves(reference, truth))
    assert np.median(similar) >= 0.99
    assert np.percentile(similar, 5) >= 0.93
    (f, mae), (f_reference, mae_reference) = scores(ours), scores(theirs)
    assert abs(f - f_reference) <= 0.02
    assert abs(mae - mae_reference) <= 0.006


def curves(saliency, truth):
    """Precision and recall at thresholds 0..255, and mean absolute error."""
    grey = np.rint(saliency * 255).astype(int)
    hits = np.bincount(grey[truth], minlength=256)[::-1].cumsum()[::-1]
    all_found = np.bincount(grey.ravel(), minlength=256)[::-1].cumsum()[::-1]
    precision = hits / np.maximum(all_found, 1)
    return precision, hits / truth.sum(), np.abs(grey / 255 - truth).mean()


def scores(images):
    """MaxF of the averaged precision and recall, and mean absolute error."""
    precision, recall, mae = (
        np.mean(part, axis=0) for part in zip(*images, strict=True)
    )
    return (1.3 * precision * recall / (0.3 * precision + recall)).max(), mae
