import json
import pickle

import numpy as np
import PIL.Image
import pytest

from dilo.errors import InputError, StoreError
from dilo.image import encode_map, read_map
from dilo.masks import MaskStore, has_foreground, write_maps


def ramp(height=4, width=5):
    """A Map of which every value is a whole grey level."""
    levels = np.arange(height * width, dtype=np.float32) * 12
    return (levels / np.float32(255)).reshape(height, width)


def stored(folder, names):
    store = MaskStore.create(folder, "toy", {"sigma": 2})
    write_maps(store, {name: ramp() for name in names})
    return store


def test_what_is_written_is_read_back(tmp_path):
    stored(tmp_path / "m", ["b.jpg", "a/c.d.JPEG"])
    store = MaskStore.open(tmp_path / "m")
    assert store.names() == ["a/c.d.JPEG", "b.jpg"]
    assert len(store) == 2
    assert "b.jpg" in store
    assert "z.jpg" not in store
    np.testing.assert_array_equal(store["a/c.d.JPEG"], ramp())
    assert store["b.jpg"].dtype == np.float32
    np.testing.assert_array_equal(read_map(tmp_path / "m/a/c.d.png"), ramp())


def test_the_manifest_says_how_the_maps_were_made(tmp_path):
    store = stored(tmp_path, ["b.jpg"])
    write_maps(store, {}, failures={"z.jpg": "the file is empty"})
    content = json.loads((tmp_path / "masks.json").read_text())
    assert content["method"] == "toy"
    assert content["parameters"] == {"sigma": 2}
    assert content["supervision"] == "none"
    assert content["weights"] is None
    assert content["counts"] == {"maps": 1, "empty": 0, "failures": 1}
    assert MaskStore.open(tmp_path).failures == {"z.jpg": "the file is empty"}
    assert MaskStore.open(tmp_path).origin == store.origin


def test_only_what_the_manifest_lists_is_in_the_store(tmp_path):
    stored(tmp_path, ["b.jpg"])
    (tmp_path / "half.png").write_bytes(encode_map(ramp()))
    assert "half.jpg" not in MaskStore.open(tmp_path)


def test_the_suffix_of_a_name_plays_no_part(tmp_path):
    stored(tmp_path, ["b.jpg"])
    np.testing.assert_array_equal(MaskStore.open(tmp_path)["b.webp"], ramp())


def test_an_image_that_failed_never_gets_the_map_of_its_namesake(tmp_path):
    store = stored(tmp_path, ["b.jpg"])
    write_maps(store, {}, failures={"b.png": "the file is empty"})
    assert "b.png" not in store
    assert "b.jpg" in store
    with pytest.raises(StoreError, match=r"b\.png: has no map: the file is empty"):
        store["b.png"]


def test_a_missing_map_is_named_with_the_remedy(tmp_path):
    store = stored(tmp_path, ["b.jpg"])
    with pytest.raises(StoreError, match=r"no map of 'z\.jpg'; run `dilo masks`"):
        store["z.jpg"]
    (tmp_path / "b.png").unlink()
    with pytest.raises(StoreError, match="run `dilo masks`"):
        store["b.jpg"]


def test_an_empty_map_stays_flagged(tmp_path):
    store = stored(tmp_path, ["b.jpg"])
    write_maps(store, {"dark.jpg": np.zeros((3, 3), np.float32)})
    store = MaskStore.open(tmp_path)
    assert store.is_empty("dark.jpg")
    assert not store.is_empty("b.jpg")
    with pytest.raises(StoreError, match="no map"):
        store.is_empty("z.jpg")


def test_a_faint_map_has_no_foreground():
    assert has_foreground(np.full((2, 2), 0.5, np.float32))
    assert not has_foreground(np.full((2, 2), 0.49, np.float32))


def test_create_goes_on_with_a_store_made_in_the_same_way(tmp_path):
    stored(tmp_path, ["b.jpg"])
    assert MaskStore.create(tmp_path, "toy", {"sigma": 2}).names() == ["b.jpg"]


def test_create_writes_nothing(tmp_path):
    MaskStore.create(tmp_path / "m", "toy")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("method", "parameters", "change"),
    [
        ("other", {"sigma": 2}, "method: 'toy' -> 'other'"),
        ("toy", {"sigma": 3}, r"parameters\.sigma: 2 -> 3"),
        ("toy", None, r"parameters\.sigma: 2 -> None"),
    ],
)
def test_create_refuses_a_store_made_in_another_way(
    tmp_path, method, parameters, change
):
    stored(tmp_path, ["b.jpg"])
    with pytest.raises(StoreError, match=change):
        MaskStore.create(tmp_path, method, parameters)


def test_create_refuses_a_folder_of_other_files(tmp_path):
    (tmp_path / ".hidden").touch()
    MaskStore.create(tmp_path, "toy")
    (tmp_path / "truth.png").touch()
    with pytest.raises(StoreError, match=r"other files \(truth\.png\)"):
        MaskStore.create(tmp_path, "toy")
    with pytest.raises(StoreError, match="is a file"):
        MaskStore.create(tmp_path / "truth.png", "toy")


@pytest.mark.parametrize(
    "name", ["../b.jpg", "/b.jpg", "a/../../b.jpg", "C:\\b.jpg", "\\b", "", "a/", "."]
)
def test_a_name_cannot_leave_the_store(tmp_path, name):
    store = stored(tmp_path / "m", ["b.jpg"])
    with pytest.raises(InputError, match="an image name is relative"):
        store[name]
    with pytest.raises(InputError, match="an image name is relative"):
        store.path(name)
    with pytest.raises(InputError, match="an image name is relative"):
        write_maps(store, {name: ramp()})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 2, "method": 3}']
)
def test_a_damaged_manifest_is_named(tmp_path, content):
    (tmp_path / "masks.json").write_text(content)
    with pytest.raises(StoreError, match=r"masks\.json: damaged"):
        MaskStore.open(tmp_path)


def test_another_format_is_refused(tmp_path):
    for number in (1, 3):
        (tmp_path / "masks.json").write_text(f'{{"format": {number}}}')
        with pytest.raises(StoreError, match="update dilo"):
            MaskStore.open(tmp_path)


def test_a_plain_folder_of_masks_is_a_store_to_read(tmp_path):
    (tmp_path / "a").mkdir()
    white = np.full((3, 4), 255, np.uint8)
    PIL.Image.fromarray(white).save(tmp_path / "a/b.png")
    PIL.Image.fromarray(0 * white).save(tmp_path / "c.bmp")
    PIL.Image.fromarray(0 * white).save(tmp_path / "a/b.jpg")  # the photograph
    store = MaskStore.open(tmp_path)
    assert store.names() == ["a/b.png", "c.bmp"]
    np.testing.assert_array_equal(store["a/b.jpg"], np.ones((3, 4), np.float32))
    assert store.mask("a/b.jpg").all()
    assert not store.is_empty("a/b.jpg")
    assert store.is_empty("c.jpg")
    assert store.origin is None
    assert store.failures == {}
    with pytest.raises(StoreError, match="only read"):
        write_maps(store, {})


def test_a_store_travels_to_worker_processes(tmp_path):
    store = pickle.loads(pickle.dumps(stored(tmp_path, ["b.jpg"])))
    np.testing.assert_array_equal(store["b.jpg"], ramp())


def test_open_says_how_to_make_a_store(tmp_path):
    with pytest.raises(StoreError, match="dilo masks IMAGES"):
        MaskStore.open(tmp_path / "none")
    with pytest.raises(StoreError, match="dilo masks IMAGES"):
        MaskStore.open(tmp_path)
