"""Images of one folder that differ only in suffix each have a map, and find it."""

import shutil

import numpy as np
import PIL.Image
import pytest

from dilo.image import read_image
from dilo.masks import (
    Layout,
    MaskStore,
    compare_with_truth,
    compute_masks,
    convert_store,
    verify_store,
    write_maps,
)

LEVELS = {"a.jpg": 40, "a.png": 160, "d/b.JPG": 80, "d/b.jpg": 200, "c.png": 120}


def brightness(path):
    return read_image(path).max(axis=2).astype(np.float32) / np.float32(255)


def write_images(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (6, 4), (LEVELS[name],) * 3).save(folder / name)


def fill(images, folder, layout="png", workers=1):
    store = MaskStore.create(folder, "toy", layout=layout)
    return compute_masks(images, store, brightness, workers)


def levels(store):
    store = MaskStore.open(store)
    return {name: round(float(store[name].mean()) * 255) for name in LEVELS}


@pytest.fixture
def images(tmp_path):
    write_images(tmp_path / "images", LEVELS)
    return tmp_path / "images"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("layout", ["png", "arrow"])
def test_each_has_its_own_map(images, tmp_path, layout, workers):
    layout = Layout(format=layout, bits=8)
    report = fill(images, tmp_path / "masks", layout, workers)
    assert (report.computed, report.failures) == (5, {})
    store = MaskStore.open(tmp_path / "masks")
    assert store.names() == sorted(LEVELS)
    assert levels(store.folder) == LEVELS
    assert store.is_empty("a.jpg")
    assert not store.is_empty("a.png")
    assert store.foreground("a.jpg") is None
    assert store.foreground("a.png") is not None
    np.testing.assert_array_equal(store["a.webp"], store["a.jpg"])  # any other suffix
    assert verify_store(images, store.folder).is_sound
    assert fill(images, store.folder, layout).kept == 5
    if layout.format == "png":
        files = {
            path.relative_to(store.folder).as_posix()
            for path in store.folder.rglob("*.png")
        }
        assert files == {"a.png", "a.png.png", "d/b.png", "d/b.jpg.png", "c.png"}
        assert store.path("a.png").name == "a.png.png"


def test_a_map_that_was_there_keeps_its_name(images, tmp_path):
    write_images(tmp_path / "few", ["a.png", "d/b.jpg"])
    fill(tmp_path / "few", tmp_path / "masks")
    before = (tmp_path / "masks/a.png").read_bytes()
    assert fill(images, tmp_path / "masks").computed == 3
    assert (tmp_path / "masks/a.png").read_bytes() == before
    assert MaskStore.open(tmp_path / "masks").path("a.jpg").name == "a.jpg.png"
    assert levels(tmp_path / "masks") == LEVELS


def test_an_image_that_takes_the_place_of_another_gets_its_own_map(images, tmp_path):
    write_images(tmp_path / "few", ["a.jpg"])
    fill(tmp_path / "few", tmp_path / "masks")
    (images / "a.jpg").unlink()
    assert fill(images, tmp_path / "masks").computed == 4
    store = MaskStore.open(tmp_path / "masks")
    assert len(store) == 4
    assert store["a.png"].mean() == pytest.approx(160 / 255)


def test_a_failed_image_never_gets_the_map_of_its_namesake(images, tmp_path):
    (images / "a.png").write_text("no image")
    report = fill(images, tmp_path / "masks")
    assert list(report.failures) == ["a.png"]
    store = MaskStore.open(tmp_path / "masks")
    assert "a.png" not in store
    assert "a.jpg" in store


def test_a_store_in_which_the_second_was_dropped_gets_its_map(images, tmp_path):
    """Stores of earlier versions name it among the failures."""
    store = MaskStore.create(tmp_path / "masks", "toy")
    maps = {name: brightness(images / name) for name in LEVELS if name != "a.png"}
    write_maps(store, maps, failures={"a.png": "its map would overwrite that of a.jpg"})
    report = fill(images, tmp_path / "masks")
    assert (report.computed, report.failures) == (1, {})
    assert levels(tmp_path / "masks") == LEVELS


def test_both_are_repaired(images, tmp_path):
    fill(images, tmp_path / "masks")
    for name in ("a.png", "a.png.png"):
        (tmp_path / "masks" / name).write_bytes(b"")
    check = verify_store(images, tmp_path / "masks", repair=True)
    assert sorted(check.bad) == ["a.jpg", "a.png"]
    fill(images, tmp_path / "masks")
    assert verify_store(images, tmp_path / "masks").is_sound
    assert levels(tmp_path / "masks") == LEVELS


def test_converting_keeps_them_apart(images, tmp_path):
    fill(images, tmp_path / "masks")
    masks = MaskStore.open(tmp_path / "masks")
    packed = Layout(format="arrow", bits=8)
    assert convert_store(masks, tmp_path / "packed", packed, 1).computed == 5
    assert levels(tmp_path / "packed") == LEVELS
    masks = MaskStore.open(tmp_path / "packed")
    assert convert_store(masks, tmp_path / "files", Layout(), 1).computed == 5
    assert levels(tmp_path / "files") == LEVELS


def test_each_is_compared_with_its_own_truth(images, tmp_path):
    fill(images, tmp_path / "masks")
    store = MaskStore.open(tmp_path / "masks")
    write_images(tmp_path / "few", ["a.png"])  # so that the other store names them
    fill(tmp_path / "few", tmp_path / "other")  # the other way round
    fill(images, tmp_path / "other")
    shutil.copytree(store.folder, tmp_path / "truth")
    for path in (tmp_path / "truth").iterdir():
        if path.name == "masks.json" or path.suffix == ".arrow":
            path.unlink()

    def difference(saliency, mask):
        return bool(((saliency > 0.5) == mask).all())

    for maps, truth in (("masks", "truth"), ("masks", "other"), ("other", "masks")):
        stores = [MaskStore.open(tmp_path / maps)]
        found = compare_with_truth(stores, MaskStore.open(tmp_path / truth), difference)
        assert found.values == [[True] * 5]
        assert found.summary() == ""
