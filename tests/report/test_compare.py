import numpy as np
import pytest
import torch

from dilo.errors import InputError
from dilo.report.compare import Album, gradient_gallery, neighbour_gallery
from dilo.report.page import Report, Section, render

COUNT = 12


@pytest.fixture
def album():
    """Classes 0, 0, 1, 1, ...; backgrounds alternate."""
    rng = np.random.default_rng(0)
    masks = np.zeros((COUNT, 16, 16), bool)
    masks[:, 4:12, 4:12] = True
    masks[3] = False
    return Album(
        images=list(rng.integers(0, 256, (COUNT, 16, 16, 3), dtype=np.uint8)),
        labels=np.arange(COUNT) // 2,
        classes=["cat", "dog"],
        backgrounds=np.arange(COUNT) % 2,
        masks=list(masks),
    )


def one_hot(keys):
    return torch.eye(COUNT)[torch.as_tensor(keys)]


def test_neighbours_of_a_model_of_objects_and_of_one_of_backgrounds(album):
    features = {
        "objects": one_hot(album.labels),
        "backgrounds": one_hot(album.backgrounds),
    }
    gallery = neighbour_gallery(album, features, k=1, count=5)
    assert gallery.groups == [("query", 1), ("objects", 1), ("backgrounds", 1)]
    assert len(gallery.rows) == 5
    for row in gallery.rows:
        query, by_object, by_background = row
        assert query.mark is None
        assert (by_object.mark, by_object.tag) == ("good", "")
        assert (by_background.mark, by_background.tag) == ("bad", "same background")


def test_an_image_is_not_its_own_neighbour(album):
    gallery = neighbour_gallery(album, {"m": torch.ones(COUNT, 3)}, k=5, count=COUNT)
    for row in gallery.rows:
        query, *others = (picture.image.tobytes() for picture in row)
        assert len(set(others)) == 5
        assert query not in others


def test_few_images_have_few_neighbours():
    images = [np.zeros((8, 8, 3), np.uint8)] * 3
    gallery = neighbour_gallery(Album(images=images), {"m": torch.eye(3)}, k=9)
    assert gallery.groups == [("query", 1), ("m", 2)]
    assert all(picture.mark is None for picture in gallery.rows[0])


def test_the_choice_depends_on_the_seed_alone_and_is_said(album):
    def queries(**fields):
        rows = neighbour_gallery(album, {"m": torch.ones(COUNT, 2)}, **fields).rows
        return [row[0].image.tobytes() for row in rows]

    assert queries(count=4) == queries(count=4, k=1)
    assert queries(count=4) != queries(count=4, seed=1)
    gallery = neighbour_gallery(album, {"m": torch.ones(COUNT, 2)}, count=4)
    assert "4 of 12 images, drawn at random (seed 0), not picked" in gallery.caption


def test_gradients_say_how_much_lies_on_the_object(album):
    inside = np.zeros((16, 16), np.float32)
    inside[5:9, 5:9] = 1
    flat = np.ones((16, 16), np.float32)
    gallery = gradient_gallery(
        album, {"in": [inside] * COUNT, "flat": [flat] * COUNT}, count=COUNT
    )
    captions = [[p.caption for p in row] for row in gallery.rows]
    assert captions[0] == ["cat", "100 % on object", "25 % on object"]
    assert captions[3] == ["dog", "no object", "no object"]
    assert captions[4][0] == "class 2"
    assert "All 12 images" in gallery.caption
    assert "23 % of these images" in gallery.caption


def test_galleries_are_rendered(album):
    neighbours = neighbour_gallery(album, {"m": torch.ones(COUNT, 2)}, count=3)
    gradients = gradient_gallery(
        Album(images=album.images), {"m": [np.ones((16, 16), np.float32)] * COUNT}
    )
    section = Section(heading="h", blocks=[neighbours, gradients])
    page = render(Report(title="t", sections=[section]))
    assert page.count("<img") == 3 * (1 + 3) + 8 * 2


def test_counts_must_agree(album):
    with pytest.raises(InputError, match="m: 3 entries for 12 images"):
        neighbour_gallery(album, {"m": torch.ones(3, 2)})
    with pytest.raises(InputError, match="m: 0 entries for 12 images"):
        gradient_gallery(album, {"m": []})
    with pytest.raises(InputError, match="12 images but 1 labels"):
        Album(images=album.images, labels=[0])
    with pytest.raises(InputError, match="count must be at least 1"):
        neighbour_gallery(album, {}, count=0)
