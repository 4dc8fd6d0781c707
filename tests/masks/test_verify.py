"""What is wrong with a store is named, and can be repaired."""

import numpy as np
import PIL.Image
import pytest

from dilo.errors import StoreError
from dilo.image import encode_map, read_image
from dilo.masks import MaskStore, compute_masks, verify_store

LAYOUTS = ("png", "arrow")


def brightness(path):
    return read_image(path).max(axis=2).astype(np.float32) / np.float32(255)


def fill(images, folder, layout):
    store = MaskStore.create(folder, "toy", layout=layout)
    compute_masks(images, store, brightness, 1)
    return store


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(20):
        path = tmp_path / "images" / f"{k % 2}" / f"{k:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(rng.integers(0, 256, (4, 6, 3), np.uint8)).save(path)
    (tmp_path / "images/bad.jpg").write_text("no image")
    return tmp_path / "images"


@pytest.fixture(params=LAYOUTS)
def store(request, images, tmp_path):
    return fill(images, tmp_path / "masks", request.param)


def repaired(images, store):
    """Repair a store, fill it again, and return what every file then holds."""
    verify_store(images, store.folder, repair=True)
    layout = store.manifest.layout
    compute_masks(
        images, MaskStore.create(store.folder, "toy", layout=layout), brightness
    )
    assert verify_store(images, store.folder).is_sound
    return content(store.folder)


def test_a_whole_store_is_sound(images, store):
    check = verify_store(images, store.folder)
    assert check.is_sound
    assert check.summary() == "20 maps checked: all sound"
    before = content(store.folder)
    assert verify_store(images, store.folder, repair=True).deleted == 0
    assert content(store.folder) == before


def test_images_without_a_map_are_missing(images, store):
    PIL.Image.new("RGB", (6, 4)).save(images / "new.png")
    check = verify_store(images, store.folder)
    assert check.missing == ["new.png"]
    assert not check.is_sound
    assert "missing: new.png" in check.summary()


def test_a_map_of_another_size_than_its_image_is_bad(images, store):
    PIL.Image.new("RGB", (7, 4)).save(images / "0/02.png")
    check = verify_store(images, store.folder)
    assert check.bad == {"0/02.png": "its image is 7 x 4, its map of one of 6 x 4"}
    repaired(images, store)
    assert MaskStore.open(store.folder)["0/02.png"].shape == (4, 7)


def test_a_map_of_a_removed_image_is_kept(images, store):
    (images / "0/02.png").unlink()
    assert verify_store(images, store.folder).is_sound


def test_a_flipped_bit_in_a_part_is_found_and_mended(images, store):
    before = content(store.folder)
    path = store.folder / "part-00001.arrow"
    whole = path.read_bytes()
    at = whole.index(b"0/") + 1  # in the names, where no decoder would notice
    path.write_bytes(whole[:at] + b"1" + whole[at + 1 :])
    check = verify_store(images, store.folder)
    assert "checksum" in check.bad["part-00001.arrow"]
    assert repaired(images, store) == before


@pytest.mark.parametrize("damage", [b"", b"\x00" * 500])
def test_an_unreadable_part_is_found_and_mended(images, store, damage):
    before = content(store.folder)
    (store.folder / "part-00001.arrow").write_bytes(damage)
    check = verify_store(images, store.folder)
    assert "damaged" in check.bad["part-00001.arrow"]
    assert repaired(images, store) == before


def test_a_damaged_part_is_made_again_even_without_a_check(images, store):
    before = content(store.folder)
    (store.folder / "part-00001.arrow").write_bytes(b"")
    layout = store.manifest.layout
    with pytest.raises(StoreError, match="damaged"):
        MaskStore.open(store.folder)
    again = MaskStore.create(store.folder, "toy", layout=layout)
    compute_masks(images, again, brightness, 1)
    assert content(store.folder) == before


def test_a_damaged_file_of_a_map_is_found_and_mended(images, tmp_path):
    store = fill(images, tmp_path / "masks", "png")
    before = content(store.folder)
    (store.folder / "0/02.png").write_bytes(before["0/02.png"][:40])
    (store.folder / "1/03.png").write_bytes(encode_map(np.zeros((9, 9), np.float32)))
    (store.folder / "1/05.png").unlink()
    check = verify_store(images, store.folder)
    assert sorted(check.bad) == ["0/02.png", "1/03.png", "1/05.png"]
    assert "image" in check.bad["0/02.png"]
    assert check.bad["1/03.png"] == "its map is 9 x 9, not 6 x 4"
    assert repaired(images, store) == before


def test_stray_files_are_named_and_only_ours_deleted(images, store):
    before = content(store.folder)
    (store.folder / "notes.txt").touch()
    (store.folder / "sub").mkdir()
    (store.folder / "sub/stray.png").touch()
    (store.folder / ".0.png-00.12.partial").touch()
    check = verify_store(images, store.folder, repair=True)
    names = [".0.png-00.12.partial", "notes.txt", "sub/stray.png"]
    assert check.stray == names
    assert check.deleted == 2
    assert content(store.folder) == before | {"notes.txt": b""}


def test_only_mask_stores_are_verified(images, tmp_path):
    with pytest.raises(StoreError, match=r"no masks\.json"):
        verify_store(images, images)


def test_maps_of_a_stopped_job_are_no_stray_files(images, tmp_path):
    """After a full disk maps lie there whose part was not written."""
    folder = tmp_path / "masks"
    store = fill(images, folder, "png")
    before = content(folder)
    (folder / "part-00001.arrow").unlink()
    check = verify_store(images, folder, repair=True)
    assert (check.bad, check.stray, check.deleted) == ({}, [], 0)
    assert check.unrecorded == len(check.missing) > 0
    assert f"{check.unrecorded} maps of a job that was stopped" in check.summary()
    again = MaskStore.create(folder, "toy", layout=store.manifest.layout)
    assert compute_masks(images, again, brightness, 1).computed == 0
    assert content(folder) == before
