"""Masks in every form that other programs write them in: read right, or refused."""

import pickle

import numpy as np
import PIL.Image
import pytest

from dilo.errors import InputError, StoreError
from dilo.masks import MaskStore, check_images, compare_with_truth

H, W = 36, 48
Y, X = np.mgrid[:H, :W]
DISC = ((Y - 18) / H) ** 2 + ((X - 24) / W) ** 2 < 0.08
PHOTO = np.random.default_rng(0).integers(0, 256, (H, W, 3)).astype(np.uint8)
OPAQUE = (DISC * 255).astype(np.uint8)


def palette(index, colour):
    image = PIL.Image.fromarray((DISC * index).astype(np.uint8), "P")
    colours = [0] * 768
    colours[3 * index : 3 * index + 3] = colour
    image.putpalette(colours)
    return image


def coloured(*colour):
    return PIL.Image.fromarray((DISC[..., None] * np.array(colour)).astype(np.uint8))


def grey(values, dtype="u1"):
    return PIL.Image.fromarray(np.asarray(values).astype(dtype))


GOOD = {
    "black and white": grey(OPAQUE),
    "one bit": PIL.Image.fromarray(DISC),
    "0 and 1": grey(DISC),
    "0 and 15": grey(DISC * 15),
    "0 and 128": grey(DISC * 128),
    "16 bit": grey(DISC * 65535, "u2"),
    "16 bit with 255": grey(DISC * 255, "u2"),
    "slightly above 1": grey(DISC * 1.0001, "f4"),
    "palette": palette(1, (128, 0, 0)),
    "palette of 15": palette(15, (0, 64, 128)),
    "palette of greys": grey(OPAQUE).quantize(2),
    "red": coloured(128, 0, 0),
    "blue": coloured(0, 0, 255),
    "navy": coloured(0, 0, 128),
    "cut out": PIL.Image.fromarray(np.dstack([PHOTO * DISC[..., None], OPAQUE])),
    "photograph with alpha": PIL.Image.fromarray(np.dstack([PHOTO, OPAQUE])),
    "white with alpha": PIL.Image.merge(
        "LA", (PIL.Image.new("L", (W, H), 255), grey(OPAQUE))
    ),
    "black with alpha": PIL.Image.fromarray(np.dstack([PHOTO * 0, OPAQUE])),
}
REFUSED = {
    "trimap": (grey(np.where(DISC, 1, 2)), "values 1, 2"),
    "three values": (grey(np.where(DISC, 15, 0) + 255 * (X < 2)), "values 0, 15, 255"),
    "labels": (grey(DISC * (1 + X // 16)), "values 0, 1, 2, 3"),
    "colours": (PIL.Image.fromarray(PHOTO), "is coloured"),
}


def write(folder, image, count=3):
    folder.mkdir()
    suffix = "tif" if image.mode == "F" else "png"
    for number in range(count):
        image.save(folder / f"{number}.{suffix}")
    return folder


@pytest.mark.parametrize("form", GOOD)
def test_a_mask_is_read_whatever_form_it_is_in(tmp_path, form, caplog):
    caplog.set_level("INFO", "dilo")
    store = MaskStore.open(write(tmp_path / "masks", GOOD[form]))
    np.testing.assert_array_equal(store["0.jpg"], DISC.astype(np.float32))
    np.testing.assert_array_equal(store.foreground("0.jpg"), store["0.jpg"])
    np.testing.assert_array_equal(store.mask("1.jpg"), DISC)
    assert len(caplog.messages) == 1  # what was understood, once
    again = pickle.loads(pickle.dumps(store))
    np.testing.assert_array_equal(again["2.jpg"], store["2.jpg"])
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_understood_is_refused_by_name(tmp_path, form):
    image, message = REFUSED[form]
    with pytest.raises(StoreError, match=message):
        MaskStore.open(write(tmp_path / "masks", image))


def test_soft_masks_are_read_as_grey(tmp_path):
    soft = grey((X * 5 + Y) * DISC)
    store = MaskStore.open(write(tmp_path / "masks", soft))
    np.testing.assert_allclose(store["0"], np.asarray(soft) / 255, atol=1e-6)


def test_an_image_without_object_may_be_among_the_others(tmp_path):
    folder = write(tmp_path / "masks", GOOD["0 and 1"])
    grey(DISC * 0).save(folder / "3.png")
    store = MaskStore.open(folder)
    assert store.is_empty("3")
    assert store.foreground("3") is None
    assert not store.is_empty("2")


def test_a_file_unlike_the_others_is_refused_by_name(tmp_path):
    folder = write(tmp_path / "masks", GOOD["0 and 1"], count=200)
    grey(DISC * (1 + X // 16)).save(folder / "103.png")
    store = MaskStore.open(folder)
    with pytest.raises(StoreError, match=r"103\.png: has the values 1, 2, 3 beside 0"):
        store["103"]


def test_masks_of_several_kinds_are_refused(tmp_path):
    folder = write(tmp_path / "masks", GOOD["0 and 1"])
    GOOD["cut out"].save(folder / "4.png")
    with pytest.raises(StoreError, match=r"several kinds: .*4\.png \(alpha\)"):
        MaskStore.open(folder)


@pytest.mark.parametrize("values", [DISC * 0, DISC * (X + 40)], ids=["black", "faint"])
def test_masks_that_show_no_object_are_refused(tmp_path, photos, values):
    store = MaskStore.open(write(tmp_path / "masks", grey(values)))
    with pytest.raises(StoreError, match="none of its 3 maps shows an object"):
        check_images(store, photos, NAMES)
    with pytest.raises(StoreError, match="none of its 3 maps shows an object"):
        compare_with_truth([store], store, lambda saliency, mask: 0)


def test_masks_that_look_inverted_are_named(tmp_path, photos, caplog):
    store = MaskStore.open(write(tmp_path / "masks", grey(255 - OPAQUE)))
    check_images(store, photos, NAMES)
    assert "are they inverted?" in caplog.text


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(3):
        PIL.Image.fromarray(PHOTO).save(tmp_path / f"photos/{number}.jpg")
    return tmp_path / "photos"


NAMES = ["0.jpg", "1.jpg", "2.jpg"]


def test_squares_of_one_size_are_scaled_and_said_so(tmp_path, photos, caplog):
    caplog.set_level("INFO", "dilo")
    square = GOOD["black and white"].resize((64, 64))
    store = MaskStore.open(write(tmp_path / "masks", square))
    check_images(store, photos, NAMES)
    assert "all masks are squares of one size; they are scaled" in caplog.text
    truth = MaskStore.open(write(tmp_path / "truth", GOOD["black and white"]))
    errors = compare_with_truth(
        [store], truth, lambda s, m: np.abs(s - m).mean()
    ).values
    assert max(errors[0]) < 0.05


@pytest.mark.parametrize("turned", ["transposed", "one square"])
def test_masks_of_another_shape_are_refused(tmp_path, photos, turned):
    folder = write(tmp_path / "masks", GOOD["black and white"])
    bent = grey(OPAQUE.T) if turned == "transposed" else grey(OPAQUE).resize((64, 64))
    bent.save(folder / "0.png")
    store = MaskStore.open(folder)
    with pytest.raises(StoreError, match=r"0\.png: is .* another shape than its image"):
        check_images(store, photos, NAMES)
    truth = MaskStore.open(write(tmp_path / "truth", GOOD["black and white"]))
    compared = compare_with_truth([store], truth, lambda saliency, mask: 0)
    assert compared.names == ["1.png", "2.png"]
    assert "another shape" in compared.summary()


def test_masks_at_another_size_are_fine(tmp_path, photos):
    half = GOOD["black and white"].resize((W // 2, H // 2))
    check_images(MaskStore.open(write(tmp_path / "masks", half)), photos, NAMES)


def test_the_images_themselves_are_no_masks(tmp_path):
    folder = write(tmp_path / "masks", GOOD["black and white"])
    with pytest.raises(InputError, match="as the images and as their masks"):
        check_images(MaskStore.open(folder), folder, ["0.png"])
