"""A job that is killed again and again ends with the store of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import PIL.Image
import pytest

from dilo.data.synthetic import SceneConfig, write_scenes
from dilo.image import read_image
from dilo.masks import MaskStore, compute_masks

KILLS = 4


def content(folder):
    """The bytes of every file, but for what a killed job leaves of its lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".lock")
    }


def brightness(path):
    if path.stem in ("20", "41"):
        raise IndexError("a bug of the method")
    return read_image(path).max(axis=2).astype(np.float32) / np.float32(255)


@pytest.fixture
def images(tmp_path):
    """Sixty images, some of them broken, two with one name up to the suffix."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    for k in range(60):
        path = folder / f"{k % 3}" / f"{k:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if k % 13 == 5:
            path.write_text("no image")
            continue
        pixels = rng.integers(0, 256, (3, 5, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(path)
    PIL.Image.fromarray(pixels).save(folder / "0/00.webp")
    return folder


def killed_at(count, images, store, workers):
    """Run a job in a process that is killed when it has estimated `count` maps."""
    child = os.fork()
    if child == 0:
        job = os.getpid()
        calls = []

        def estimate(path):
            calls.append(path)
            if len(calls) > count:
                os.kill(job, signal.SIGKILL)
                time.sleep(10)  # a worker ends with its parent
            return brightness(path)

        compute_masks(images, store, estimate, workers)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("layout", ["png", "arrow"])
@pytest.mark.parametrize("workers", [1, 2])
def test_kills_leave_no_trace(images, tmp_path, layout, workers):
    whole = MaskStore.create(tmp_path / "whole", "toy", layout=layout)
    report = compute_masks(images, whole, brightness, 1)
    assert len(report.failures) == 7
    assert len(report.errors) == 1
    rng = np.random.default_rng(1)
    for _ in range(KILLS):
        store = MaskStore.create(tmp_path / "masks", "toy", layout=layout)
        count = int(rng.integers(1, 16))
        if killed_at(count, images, store, workers) == 0:
            break
    store = MaskStore.create(tmp_path / "masks", "toy", layout=layout)
    assert compute_masks(images, store, brightness, workers).failures == report.failures
    assert content(tmp_path / "masks") == content(tmp_path / "whole")


def test_failures_that_are_mended_do_not_shift_the_parts(images, tmp_path):
    store = MaskStore.create(tmp_path / "masks", "toy", layout="arrow")
    compute_masks(images, store, brightness, 1)
    before = content(store.folder)
    assert compute_masks(images, store, brightness, 1).computed == 0
    assert content(store.folder) == before
    PIL.Image.new("RGB", (4, 3)).save(images / "2/05.png")
    assert compute_masks(images, store, brightness, 1).computed == 1
    after = content(store.folder)
    assert set(after) - set(before) == {"part-00008.arrow"}
    del before["masks.json"]
    assert before.items() <= after.items()
    PIL.Image.new("RGB", (4, 3)).save(images / "a.png")  # sorts last
    PIL.Image.new("RGB", (4, 3)).save(images / "+.png")  # and first
    assert compute_masks(images, store, brightness, 1).computed == 2
    assert len(list(store.folder.glob("part-*"))) == 10


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["png", "arrow"])
def test_the_command_survives_kills_at_random_moments(tmp_path, layout):
    write_scenes(tmp_path / "scenes", SceneConfig(size=160), 80)
    images = tmp_path / "scenes/images"
    (images / "broken.jpg").write_text("no image")
    finish(command(images, tmp_path / "whole", layout))
    rng = np.random.default_rng(2)
    for _ in range(KILLS):
        kill_at_random(command(images, tmp_path / "masks", layout), rng)
    finish(command(images, tmp_path / "masks", layout))
    assert content(tmp_path / "masks") == content(tmp_path / "whole")


def command(images, masks, layout):
    """Start `dilo masks`; return the process and the folder it writes to."""
    words = ["masks", images, masks, "--format", layout, "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dilo", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, masks


def finish(job):
    process, _ = job
    assert process.wait(60) == 0, process.stderr.read()
    process.stderr.close()


def kill_at_random(job, rng):
    """Kill a job a moment after it has written some files."""
    process, folder = job
    there = len(files(folder))
    wanted = there + int(rng.integers(0, 12))
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if (folder / ".lock").exists() and len(files(folder)) >= wanted:
            break
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.02))
    process.kill()
    process.wait()
    process.stderr.close()


def files(folder):
    """The files of finished maps and parts."""
    return os.listdir(folder) if folder.exists() else []
