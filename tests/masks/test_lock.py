"""Two jobs never write into one store; a full disk ends a job cleanly."""

import errno
import fcntl
import multiprocessing
import os
import resource
import time
from contextlib import contextmanager

import numpy as np
import PIL.Image
import pytest

import dilo.locks
import dilo.masks.parts
import dilo.masks.work
from dilo.errors import StoreError
from dilo.image import read_image
from dilo.locks import HOLDER, LOCK
from dilo.masks import MaskStore, compute_masks, verify_store
from dilo.masks.job import locked


def brightness(path):
    return read_image(path).max(axis=2).astype(np.float32) / np.float32(255)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for k in range(20):
        pixels = rng.integers(0, 256, (48, 48, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / f"images/{k:02d}.png")
    return tmp_path / "images"


def hold(folder, pipe):
    with locked(folder):
        pipe.send("locked")
        time.sleep(60)


@pytest.fixture
def other_job(tmp_path):
    """A process that writes into the store `masks`."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path / "masks", theirs))
    process.start()
    assert ours.recv() == "locked"
    yield process
    process.kill()
    process.join()


def test_two_jobs_into_one_store_are_refused(images, tmp_path, other_job, monkeypatch):
    monkeypatch.setattr(dilo.locks, "SECONDS_OF_PATIENCE", 0.1)
    store = MaskStore.create(tmp_path / "masks", "toy")
    with pytest.raises(
        StoreError, match=r"masks: another job .*process \d+ on "
    ) as info:
        compute_masks(images, store, brightness, 1)
    assert f"process {other_job.pid} on {os.uname().nodename}" in str(info.value)
    assert sorted(os.listdir(tmp_path / "masks")) == [LOCK, HOLDER]


def test_a_job_waits_for_the_last_breath_of_a_killed_one(images, tmp_path, other_job):
    other_job.kill()
    other_job.join()
    assert (tmp_path / "masks" / LOCK).exists()
    store = MaskStore.create(tmp_path / "masks", "toy")
    assert compute_masks(images, store, brightness, 1).computed == 20
    assert not (tmp_path / "masks" / LOCK).exists()


def test_a_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path):
        assert (tmp_path / LOCK).exists()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP])
def test_without_locks_of_the_system_the_file_is_the_lock(tmp_path, monkeypatch, code):
    """As on some network file systems."""

    def flock(handle, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(dilo.locks, "SECONDS_OF_PATIENCE", 0.1)
    with (
        locked(tmp_path),
        pytest.raises(StoreError, match=rf"another job .*process {os.getpid()} on"),
        locked(tmp_path),
    ):
        pass
    assert os.listdir(tmp_path) == []


@contextmanager
def files_of_at_most(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("layout", ["png", "arrow"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_write_that_fails_midway_leaves_nothing_half_written(
    images, tmp_path, layout, workers
):
    whole = MaskStore.create(tmp_path / "whole", "toy", layout=layout)
    compute_masks(images, whole, brightness, 1)
    folder = tmp_path / "masks"
    store = MaskStore.create(folder, "toy", layout=layout)
    with (
        files_of_at_most(1500),  # less than a map or a part
        pytest.raises(StoreError, match=r"masks: cannot write: File too large; .* run"),
    ):
        compute_masks(images, store, brightness, workers)
    assert os.listdir(folder) == ["masks.json"]
    compute_masks(images, store, brightness, workers)
    assert content(folder) == content(whole.folder)
    assert verify_store(images, folder).is_sound


@pytest.mark.parametrize("layout", ["png", "arrow"])
def test_a_disk_that_fills_up_keeps_what_was_written(
    images, tmp_path, layout, monkeypatch
):
    module = dilo.masks.work if layout == "png" else dilo.masks.parts
    write, written = module.write_atomic, []

    def write_two(path, data, **options):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path.name)
        write(path, data, **options)

    monkeypatch.setattr(module, "write_atomic", write_two)
    store = MaskStore.create(tmp_path / "masks", "toy", layout=layout)
    with pytest.raises(StoreError, match="cannot write: No space left on device"):
        compute_masks(images, store, brightness, 1)
    assert sorted(content(store.folder)) == sorted(["masks.json", *written])
    monkeypatch.undo()
    report = compute_masks(images, store, brightness, 1)
    assert report.kept == (2 if layout == "png" else 16)
