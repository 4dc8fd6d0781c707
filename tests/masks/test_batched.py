"""A method of many images at once gives the store that one of single images gives."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import PIL.Image
import pytest

from dilo.errors import InputError, StoreError
from dilo.image import read_image
from dilo.masks import BatchMethod, MaskStore, compute_masks, verify_store

BATCH = 4


def brightness(path):
    return bright([read_image(path)])[0]


def bright(images):
    return [image.max(axis=2) / np.float32(255) for image in images]


def of_batch(images):
    """Maps that differ in what images they were made with: at least 1 / 255."""
    mean = np.mean([image.mean() for image in images]) / 255
    return [np.full(image.shape[:2], mean, np.float32) for image in images]


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".lock")
    }


def fill(images, folder, maps=bright, layout="png", size=BATCH, threads=2):
    store = MaskStore.create(folder, "toy", layout=layout)
    return compute_masks(images, store, BatchMethod(maps, size), threads)


@pytest.fixture
def images(tmp_path):
    """Thirty images of several sizes, of which three are broken."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for k in range(30):
        path = tmp_path / f"images/{k:02d}.png"
        if k in (5, 14, 29):
            path.write_text("no image")
        else:
            pixels = rng.integers(0, 256, (4 + k % 3, 6, 3), np.uint8)
            PIL.Image.fromarray(pixels).save(path)
    return tmp_path / "images"


@pytest.mark.parametrize("layout", ["png", "arrow"])
@pytest.mark.parametrize("size", [1, 4, 8])
def test_it_makes_the_store_of_a_method_of_single_images(
    images, tmp_path, layout, size
):
    store = MaskStore.create(tmp_path / "single", "toy", layout=layout)
    single = compute_masks(images, store, brightness, 1)
    report = fill(images, tmp_path / "masks", layout=layout, size=size)
    assert (report.computed, report.kept) == (27, 0)
    assert list(report.failures) == ["05.png", "14.png", "29.png"]
    assert report.failures == single.failures
    assert content(tmp_path / "masks") == content(store.folder)
    assert fill(images, tmp_path / "masks", layout=layout, size=size).kept == 27
    assert verify_store(images, tmp_path / "masks").is_sound


@pytest.mark.parametrize("threads", [1, 3])
def test_images_are_decoded_by_threads_and_given_in_full_batches(
    images, tmp_path, threads
):
    seen = []

    def maps(batch):
        assert threading.current_thread() is threading.main_thread()
        seen.append(len(batch))
        return bright(batch)

    fill(images, tmp_path / "masks", maps, size=10, threads=threads)
    assert seen == [9, 9, 9]


@pytest.mark.parametrize("layout", ["png", "arrow"])
def test_kills_leave_no_trace(images, tmp_path, layout):
    """Though a map depends on the images that it was made with."""
    report = fill(images, tmp_path / "whole", of_batch, layout)
    for count in (1, 2, 3, 1):
        child = os.fork()
        if child == 0:
            calls = []

            def maps(batch, calls=calls, count=count):
                calls.append(batch)
                if len(calls) > count:
                    os.kill(os.getpid(), signal.SIGKILL)
                return of_batch(batch)

            fill(images, tmp_path / "masks", maps, layout)
            os._exit(0)
        os.waitpid(child, 0)
    assert (
        fill(images, tmp_path / "masks", of_batch, layout).failures == report.failures
    )
    assert content(tmp_path / "masks") == content(tmp_path / "whole")


def test_an_image_at_which_the_method_fails_does_not_fail_its_batch(images, tmp_path):
    bad = read_image(images / "09.png")

    def maps(batch):
        if any(np.array_equal(image, bad) for image in batch):
            raise IndexError("no such row")
        return bright(batch)

    report = fill(images, tmp_path / "masks", maps)
    assert report.computed == 26
    assert report.failures["09.png"].startswith("IndexError: no such row")
    (error,) = report.errors.values()
    assert error.image == "09.png"
    assert 'raise IndexError("no such row")' in error.traceback


@pytest.mark.parametrize(
    ("maps", "reason"),
    [
        (lambda batch: bright(batch)[1:], "ValueError: 0 maps for 1 images"),
        (lambda batch: [np.zeros((1, 2), np.float32)] * len(batch), "a map of shape"),
    ],
)
def test_a_method_that_gives_wrong_maps_is_named(images, tmp_path, maps, reason):
    with pytest.raises(StoreError, match=f"none of 30 images gave a map.*{reason}"):
        fill(images, tmp_path / "masks", maps)


def test_bad_input_writes_nothing(images, tmp_path):
    with pytest.raises(InputError, match="batch_size must be at least 1, got 0"):
        BatchMethod(bright, 0)
    store = MaskStore.create(tmp_path / "masks", "toy")
    with pytest.raises(InputError, match="takes batches"):
        compute_masks(images, store, BatchMethod(bright, 2), engine="ray")
    assert not store.folder.exists()


NETWORK = """
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from dilo.masks import BatchMethod, MaskStore, compute_masks

torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 3, padding=1), torch.nn.Sigmoid())

@torch.inference_mode()
def maps(images):
    pixels = [torch.from_numpy(np.float32(image) / 255) for image in images]
    batch = [interpolate(x.permute(2, 0, 1)[None], (8, 8)) for x in pixels]
    out = network(torch.cat(batch))
    sizes = [image.shape[:2] for image in images]
    return [interpolate(y[None], s)[0, 0].numpy() for y, s in zip(out, sizes)]

images, masks = map(Path, sys.argv[1:])
store = MaskStore.create(masks, "net", layout="arrow", supervision="foreground masks")
print(compute_masks(images, store, BatchMethod(maps, 8)).computed)
"""


@pytest.mark.slow
def test_a_network_of_torch_is_such_a_method(images, tmp_path):
    command = [sys.executable, "-c", NETWORK, str(images), str(tmp_path / "masks")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "27\n"
    store = MaskStore.open(tmp_path / "masks")
    assert store.origin.supervision == "foreground masks"
    assert store["03.png"].std() > 0
