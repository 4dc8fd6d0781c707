"""What maps lose, and do not lose, in a store of the format arrow."""

import json
import math
import os
import pickle
import time
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dilo.errors import InputError, StoreError
from dilo.image import read_map
from dilo.masks import Layout, MaskStore, convert_store, mean_map, write_maps
from dilo.masks.parts import digest, pack, stored_shape, unpack

RNG = np.random.default_rng(0)


def blob_map(height, width):
    """A bright disc on a dark ground, with soft edges."""
    rows, columns = np.mgrid[:height, :width]
    far = np.hypot(rows / height - 0.5, columns / width - 0.5)
    return np.clip(2 - 6 * far, 0, 1).astype(np.float32)


@pytest.fixture
def store(tmp_path):
    store = MaskStore.create(tmp_path / "masks", "toy", {"sigma": 2}, layout="arrow")
    maps = {
        "wide.jpg": blob_map(150, 400),
        "a/small.png": blob_map(30, 20),
        "dark.jpg": np.full((40, 50), 0.2, np.float32),
    }
    write_maps(store, maps, confidences={"wide.jpg": 0.75}, failures={"z.jpg": "cut"})
    return store


@pytest.mark.parametrize("bits", [4, 8])
@given(st.integers(1, 40), st.integers(1, 40))
@settings(deadline=None)
def test_small_maps_lose_only_levels(bits, height, width):
    saliency = RNG.random((height, width), np.float32)
    layout = Layout(format="arrow", bits=bits)
    again = unpack(pack(saliency, layout), (height, width), layout)
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, saliency, atol=0.5 / (2**bits - 1) + 1e-6)


def test_levels_themselves_are_kept():
    levels = (np.arange(16, dtype=np.float32) / np.float32(15)).reshape(2, 8)
    layout = Layout(format="arrow")
    np.testing.assert_array_equal(unpack(pack(levels, layout), (2, 8), layout), levels)


@pytest.mark.parametrize("says_its_size", [True, False])
@pytest.mark.parametrize("size", [0, 7, 9, 10_000_000])
def test_bytes_that_expand_to_another_size_are_refused_before_they_do(
    size, says_its_size
):
    blob = pa.compress(bytes(size), "zstd", asbytes=True)
    if not says_its_size:
        stream = pa.BufferOutputStream()
        with pa.CompressedOutputStream(stream, "zstd") as compressed:
            compressed.write(bytes(size))
        blob = stream.getvalue()
    tracemalloc.start()
    with pytest.raises(StoreError, match="cannot be decompressed"):
        unpack(blob, (2, 8), Layout(format="arrow"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_the_longer_side_is_bounded_and_the_aspect_kept(height, width):
    small = stored_shape(height, width, 128)
    assert 1 <= max(small) <= min(128, max(height, width))
    assert abs(small[0] - height * max(small) / max(height, width)) <= 1


def test_maps_have_the_size_of_their_image_and_a_stored_size(store):
    store = MaskStore.open(store.folder)
    assert store.names() == ["a/small.png", "dark.jpg", "wide.jpg"]
    assert store["wide.jpg"].shape == (150, 400)
    assert store.stored("wide.jpg").shape == (48, 128)
    assert store["a/small.png"].shape == store.stored("a/small.png").shape == (30, 20)
    np.testing.assert_allclose(store["wide.jpg"], blob_map(150, 400), atol=0.08)
    assert store["wide.jpg"].max() <= 1
    assert store.mask("wide.jpg").sum() == pytest.approx(
        (blob_map(150, 400) > 0.5).sum(), rel=0.05
    )


def test_what_is_known_of_a_map_is_kept(store):
    store = pickle.loads(pickle.dumps(MaskStore.open(store.folder)))
    assert store.confidence("wide.jpg") == 0.75
    assert math.isnan(store.confidence("dark.jpg"))
    assert store.is_empty("dark.jpg")
    assert set(filter(store.is_empty, store.names())) == {"dark.jpg"}
    assert store.failures == {"z.jpg": "cut"}
    assert "wide.webp" in store  # the suffix plays no part
    assert "z.jpg" not in store
    with pytest.raises(StoreError, match=r"no map of 'y\.jpg'"):
        store["y.jpg"]


def test_parts_can_be_read_by_anyone(store):
    parts = sorted(store.folder.glob("part-*.arrow"))
    assert [path.name for path in parts] == ["part-00000.arrow"]
    table = pa.ipc.open_file(pa.memory_map(str(parts[0]))).read_all()
    assert table.column("path").to_pylist() == ["a/small.png", "dark.jpg", "wide.jpg"]
    assert table.column("width").to_pylist() == [20, 50, 400]
    assert table.column("height").to_pylist() == [30, 40, 150]
    assert table.column("empty").to_pylist() == [False, True, False]
    assert table.column("key")[1].as_py() == digest("dark")
    layout = json.loads(table.schema.metadata[b"layout"])
    assert layout == {"format": "arrow", "side": 128, "bits": 4}


def test_another_layout_into_the_same_store_is_refused(store):
    for layout in ("png", Layout(format="arrow", bits=8)):
        with pytest.raises(StoreError, match="keeps maps in another way"):
            MaskStore.create(store.folder, "toy", {"sigma": 2}, layout=layout)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": "jpeg"}, "format must be one of png, arrow, got 'jpeg'"),
        ({"side": 0}, "side must be from 1"),
        ({"bits": 5}, "bits must be 4 or 8, got 5"),
    ],
)
def test_a_layout_checks_itself(fields, message):
    with pytest.raises(InputError, match=message):
        Layout(**fields)


def test_a_damaged_part_is_named(store):
    path = store.folder / "part-00000.arrow"
    content = path.read_bytes()
    for damaged in (b"", content[:-40], b"x" * len(content)):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"part-00000\.arrow: damaged"):
            MaskStore.open(store.folder)


def test_a_damaged_map_is_named(store):
    path = store.folder / "part-00000.arrow"
    table = pa.ipc.open_file(path.read_bytes()).read_all()
    blob = table.column("map")[2].as_py()
    path.write_bytes(path.read_bytes().replace(blob, b"\xff" * len(blob)))
    with pytest.raises(StoreError, match="cannot be decompressed"):
        MaskStore.open(store.folder)["wide.jpg"]


def test_converting_there_and_back_keeps_all_that_is_known(store, tmp_path):
    files = convert_store(store, tmp_path / "files", Layout(), workers=1)
    assert (files.computed, files.empty) == (3, 1)
    other = MaskStore.open(tmp_path / "files")
    assert other.origin == store.origin
    assert other.failures == store.failures
    assert read_map(tmp_path / "files/a/small.png").shape == (30, 20)
    again = tmp_path / "again"
    convert_store(other, again, Layout(format="arrow", side=64), workers=2)
    again = MaskStore.open(again)
    assert again.stored("wide.jpg").shape == (24, 64)
    for name in store.names():
        assert again.is_empty(name) == store.is_empty(name)
        np.testing.assert_equal(again.confidence(name), store.confidence(name))
        np.testing.assert_allclose(again[name], store[name], atol=0.12)
    assert convert_store(store, tmp_path / "files", Layout(), workers=1).kept == 3


def test_a_store_cannot_be_converted_into_itself(store):
    for out in (store.folder, store.folder / "sub", store.folder.parent):
        with pytest.raises(InputError, match="overlaps"):
            convert_store(store, out, Layout())


def test_the_mean_map_is_the_mean(tmp_path):
    store = MaskStore.create(tmp_path / "masks", "toy", layout="arrow")
    with pytest.raises(StoreError, match="holds no maps"):
        mean_map(store)
    left = np.zeros((20, 30), np.float32)
    left[:, :15] = 1
    write_maps(store, {"a.jpg": left, "b.jpg": np.ones((60, 40), np.float32)})
    mean = mean_map(store, side=8)
    np.testing.assert_allclose(mean[:, :3], 1, atol=1e-6)
    np.testing.assert_allclose(mean[:, 5:], 0.5, atol=1e-6)


def test_a_newer_map_is_no_replaced_image_to_a_conversion(store, tmp_path, caplog):
    caplog.set_level("INFO", "dilo")
    convert_store(store, tmp_path / "files", Layout(), workers=1)
    files, packed = MaskStore.open(tmp_path / "files"), tmp_path / "packed"
    convert_store(files, packed, Layout(format="arrow"), workers=1)
    later = time.time() + 60
    os.utime(tmp_path / "files/a/small.png", (later, later))
    again = convert_store(files, packed, Layout(format="arrow"), workers=1)
    assert (again.computed, caplog.messages) == (0, [])
