import numpy as np
import pytest

from dilo.errors import InputError
from dilo.evaluate.swaps import (
    VARIANTS,
    cover,
    draw_donors,
    swap,
    tile_background,
    why_not,
)

OBJECT = 200  # level of every object; backgrounds are darker


def scenes(count: int = 8) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Bright squares on flat backgrounds, one level for each image."""
    images, masks = [], []
    for index in range(count):
        image = np.full((20, 24, 3), 10 + index, np.uint8)
        mask = np.zeros((20, 24), bool)
        mask[6 : 12 + index % 3, 4:10] = True
        image[mask] = OBJECT
        images.append(image)
        masks.append(mask)
    return images, masks, np.arange(count, dtype=np.int64) % 3


def swap_all(images, masks, labels, variant) -> list[np.ndarray]:
    donors = draw_donors(labels, variant, np.random.default_rng(0))
    pairs = list(zip(images, masks, strict=True))
    return [
        swap(pairs.__getitem__, index, donor, variant)
        for index, donor in enumerate(donors)
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_objects_stay_and_sizes_too(variant):
    images, masks, labels = scenes()
    swapped = swap_all(images, masks, labels, variant)
    for image, mask, made in zip(images, masks, swapped, strict=True):
        assert made.shape == image.shape
        assert made.dtype == np.uint8
        assert (made[mask] == OBJECT).all() == (variant != "only_bg")
        assert (made[~mask] < OBJECT).all()  # no trace of a donor's object


@pytest.mark.parametrize("variant", ["mixed_same", "mixed_rand"])
def test_backgrounds_come_from_the_right_class(variant):
    images, masks, labels = scenes()
    swapped = swap_all(images, masks, labels, variant)
    for index, (mask, made) in enumerate(zip(masks, swapped, strict=True)):
        donor = int(made[~mask][0, 0]) - 10
        assert donor != index
        assert (labels[donor] == labels[index]) == (variant == "mixed_same")


def test_removed_backgrounds_and_objects_are_what_they_say():
    images, masks, labels = scenes(1)
    (object_alone,) = swap_all(images, masks, labels, "only_fg")
    (ground_alone,) = swap_all(images, masks, labels, "only_bg")
    (original,) = swap_all(images, masks, labels, "original")
    assert not object_alone[~masks[0]].any()
    assert (ground_alone == 10).all()
    np.testing.assert_array_equal(original, images[0])


def test_donors_depend_on_the_seed_alone():
    labels = np.arange(40) % 4
    draws = [
        draw_donors(labels, "mixed_rand", np.random.default_rng(s)) for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_the_box_is_filled_from_the_largest_strip():
    image = np.zeros((10, 12, 3), np.uint8)
    image[..., 0] = np.arange(12)  # columns are numbered
    mask = np.zeros((10, 12), bool)
    mask[2:9, 1:5] = True  # the strip at the right, columns 5 to 11, is the largest
    filled = tile_background(image, mask)
    np.testing.assert_array_equal(filled[4, :, 0], [0, 8, 9, 10, 11, *range(5, 12)])


@pytest.mark.parametrize("shape", [(10, 30), (30, 10), (7, 7), (50, 90)])
def test_a_background_of_any_size_covers(shape):
    image = np.full((*shape, 3), 9, np.uint8)
    covered = cover(image, 20, 24)
    assert covered.shape == (20, 24, 3)
    assert (covered == 9).all()


def test_masks_that_cannot_take_part_are_told():
    image = np.zeros((20, 20, 3), np.uint8)
    assert why_not(image, np.ones((20, 20), bool)).startswith("the object's box fills")
    assert why_not(image, np.zeros((20, 20), bool)) == "its mask is empty"
    assert why_not(image, np.ones((9, 9), bool)).startswith("its mask is (9, 9)")
    assert why_not(image, np.eye(20, dtype=bool) & (np.arange(20) < 9)) == ""


@pytest.mark.parametrize(
    ("labels", "variant", "message"),
    [
        (np.arange(8), "mixed_same", "mixed_same: there is no other image for class 0"),
        (np.zeros(8), "mixed_rand", "mixed_rand: there is no other image for class 0"),
    ],
)
def test_images_without_a_donor_are_refused(labels, variant, message):
    with pytest.raises(InputError, match=message):
        draw_donors(labels, variant, np.random.default_rng(0))
