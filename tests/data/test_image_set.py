from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from dilo import cores
from dilo.data import image_set
from dilo.data.image_set import (
    Example,
    MemorySet,
    SourceSet,
    fit_aspect,
    load_into_memory,
    read_example,
    reduce_short_side,
    resize_map,
)
from dilo.data.sources import ImageFiles
from dilo.errors import ImageError, InputError, StoreError
from dilo.image import check_map


def write_images(folder: Path, count: int, size: tuple[int, int] = (20, 30)) -> list:
    rng = np.random.default_rng(0)
    names = [f"{number}.png" for number in range(count)]
    for name in names:
        pixels = rng.integers(0, 256, (*size, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(folder / name)
    return names


def ramp(height: int, width: int) -> np.ndarray:
    row = np.linspace(0, 1, width, dtype=np.float32)
    return np.repeat(row[np.newaxis], height, axis=0)


def test_memory_gives_what_the_folder_gives(tmp_path):
    names = write_images(tmp_path, 3)
    folder = SourceSet(
        source=ImageFiles(tmp_path, names),
        find_map=lambda name: None if name == "1.png" else ramp(20, 30),
        short_side=10,
    )
    memory, failures = load_into_memory(folder)
    assert failures == {}
    assert list(memory.names) == names
    for index in range(3):
        np.testing.assert_array_equal(memory[index].image, folder[index].image)
        assert memory[index].image.shape == (10, 15, 3)
    assert memory[1].saliency is None
    kept, read = memory[0].saliency, folder[0].saliency
    assert kept.dtype == np.float32
    np.testing.assert_allclose(kept, read, atol=0.5 / 255 + 1e-6)


def test_a_map_in_memory_stays_within_zero_and_one():
    levels = np.arange(256, dtype=np.float32)[np.newaxis] / np.float32(255)
    image = np.zeros((1, 256, 3), np.uint8)
    kept = MemorySet(["a"], [Example(image=image, saliency=levels)])[0].saliency
    assert kept.min() == 0
    assert kept.max() == 1
    np.testing.assert_allclose(kept, levels, atol=1e-7)


def test_unreadable_images_are_named_and_the_others_keep_their_order(tmp_path):
    names = write_images(tmp_path, 4)
    (tmp_path / "1.png").write_bytes(b"no image")
    (tmp_path / "2.png").unlink()
    memory, failures = load_into_memory(SourceSet(source=ImageFiles(tmp_path, names)))
    assert list(memory.names) == ["0.png", "3.png"]
    assert sorted(failures) == ["1.png", "2.png"]
    assert "1.png" in failures["1.png"]
    last = SourceSet(source=ImageFiles(tmp_path, names))[3]
    np.testing.assert_array_equal(memory[1].image, last.image)


def test_not_one_readable_image_is_an_error(tmp_path):
    (tmp_path / "0.png").write_bytes(b"no image")
    folder = SourceSet(source=ImageFiles(tmp_path, ["0.png"]))
    with pytest.raises(InputError, match=r"none of 1 images can be read.*0\.png"):
        load_into_memory(folder)


def test_a_map_of_another_shape_is_refused_by_name(tmp_path):
    write_images(tmp_path, 1)
    folder = SourceSet(
        source=ImageFiles(tmp_path, ["0.png"]),
        find_map=lambda name: ramp(30, 20),
    )
    with pytest.raises(ImageError, match=r"0\.png: its map is 20 x 30.*30 x 20"):
        folder[0]


@pytest.mark.parametrize("shape", [(20, 30), (10, 15), (7, 10), (13, 20), (40, 60)])
def test_a_map_may_have_another_size_of_the_same_aspect(shape):
    fit_aspect("a", np.zeros((20, 30, 3), np.uint8), ramp(*shape))


def test_a_map_stays_at_its_stored_size_but_no_larger_than_the_image(tmp_path):
    write_images(tmp_path, 1)
    for stored, found in (((2, 3), (2, 3)), ((20, 30), (20, 30)), ((40, 60), (20, 30))):
        saliency = ramp(*stored)
        folder = SourceSet(
            source=ImageFiles(tmp_path, ["0.png"]),
            find_map=lambda name, map_=saliency: map_,
        )
        assert folder[0].saliency.shape == found
    folder = SourceSet(
        source=ImageFiles(tmp_path, ["0.png"]),
        find_map=lambda name: ramp(20, 30),
        short_side=10,
    )
    assert folder[0].saliency.shape == (10, 15)


def test_image_and_map_are_reduced_alike():
    saliency = np.zeros((41, 63), np.float32)
    saliency[10:30, 20:50] = 1
    image = np.repeat(saliency[..., np.newaxis] * 255, 3, axis=2).astype(np.uint8)
    small = reduce_short_side(image, 17)
    assert small.shape == (17, 26, 3)
    reduced = resize_map(saliency, *small.shape[:2])
    np.testing.assert_allclose(small[..., 0] / 255, reduced, atol=0.003)


def test_a_small_image_is_never_enlarged():
    image = np.zeros((5, 9, 3), np.uint8)
    assert reduce_short_side(image, 10) is image
    assert reduce_short_side(image, None) is image


@pytest.mark.parametrize("size", [(7, 9), (20, 31), (64, 48)])
def test_a_resized_map_is_a_map(size):
    check_map(resize_map(np.ones((37, 53), np.float32), *size))


def test_a_map_that_is_not_needed_is_not_read(tmp_path):
    names = write_images(tmp_path, 1)

    def find_map(name):
        raise StoreError(f"{name}: damaged")

    examples = SourceSet(source=ImageFiles(tmp_path, names), find_map=find_map)
    assert read_example(examples, 0, mapped=False).saliency is None
    with pytest.raises(StoreError, match=r"0\.png: damaged"):
        read_example(examples, 0)


@pytest.mark.parametrize(("processes", "threads"), [(None, 8), ("2", 4), ("16", 1)])
def test_processes_of_one_machine_share_its_cores(
    tmp_path, monkeypatch, processes, threads
):
    if processes is None:
        monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    else:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
    asked = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers):
            asked.append(workers)
            super().__init__(1)

    monkeypatch.setattr(image_set, "available_cores", lambda: 8)
    monkeypatch.setattr(cores, "ThreadPoolExecutor", Pool)
    names = write_images(tmp_path, 1)
    load_into_memory(SourceSet(source=ImageFiles(tmp_path, names)))
    assert asked == [threads]
