"""The same job on a cluster of two processes, some of which are killed."""

import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from dilo.errors import InputError, StoreError
from dilo.image import read_image
from dilo.masks import MaskStore, compute_masks
from dilo.masks.engines import import_ray

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")


@pytest.fixture(scope="module")
def driver():
    """A process that runs jobs; Ray's threads would disturb tests that fork."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as executor:
        yield executor
        executor.submit(ray.shutdown).result()


@pytest.fixture(scope="module")
def cluster(driver):
    """A cluster on this machine; the variables by which others join it."""
    return driver.submit(start_cluster).result()


def start_cluster():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        object_store_memory=80 * 2**20,
    )
    # Workers cannot import this file.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    access = {key: os.environ[key] for key in os.environ if key.startswith("RAY_AUTH")}
    return access | {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}


@pytest.fixture
def images(tmp_path):
    """Thirty images; the brightness of image k is 8 k."""
    (tmp_path / "images").mkdir()
    for k in range(30):
        pixels = np.full((4, 6, 3), 8 * k, np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / f"images/{k:02d}.png")
    (tmp_path / "images/text.jpg").write_text("no image")
    return tmp_path / "images"


def brightness(path):
    return read_image(path)[..., 0] / np.float32(255)


class Fatal:
    """Brightness, but some images kill the process; once only if a file is given."""

    def __init__(self, *names, once=None):
        self.names = names
        self.once = once

    def __call__(self, path):
        if path.name in self.names and not (self.once and self.once.exists()):
            if self.once:
                self.once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return brightness(path)


def full(path):
    """Brightness, in a process that can write no more than a byte into a file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    return brightness(path)


def wrong(path):
    return path.no_such_attribute if path.name == "03.png" else brightness(path)


def run(images, name, estimate=brightness, engine="ray", format="png"):
    store = MaskStore.create(images.parent / name, "brightness", layout=format)
    report = compute_masks(images, store, estimate, workers=2, engine=engine)
    return report, MaskStore.open(store.folder)


@pytest.fixture
def run_ray(driver, cluster):
    """Do as `run`, in the process that is connected to the cluster."""

    def call(*arguments, **options):
        report = driver.submit(report_of, *arguments, **options).result()
        return report, MaskStore.open(arguments[0].parent / arguments[1])

    return call


def report_of(*arguments, **options):
    return run(*arguments, **options)[0]


def files(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("format", ["png", "arrow"])
def test_a_cluster_makes_the_store_of_this_machine(run_ray, images, format):
    report, store = run_ray(images, "ray", format=format)
    _, local = run(images, "local", engine="local", format=format)
    assert files(store.folder) == files(local.folder)
    assert len(store) == 30
    assert report.computed == 30
    assert report.failures == {"text.jpg": "not an image of a kind we can read"}
    assert run_ray(images, "ray", format=format)[0].kept == 30


def test_a_killed_worker_loses_nothing(run_ray, images, tmp_path):
    fatal = Fatal("17.png", once=tmp_path / "once")
    report, store = run_ray(images, "ray", fatal)
    assert (tmp_path / "once").exists()
    assert report.computed == 30
    assert files(store.folder) == files(run(images, "local", engine="local")[1].folder)


@pytest.mark.slow
def test_images_that_kill_every_worker_are_named(run_ray, images):
    report, store = run_ray(images, "ray", Fatal("03.png", "04.png", "29.png"))
    assert report.computed == 27
    assert sorted(report.failures) == ["03.png", "04.png", "29.png", "text.jpg"]
    assert "killed" in report.failures["03.png"]
    assert not list(store.folder.rglob(".*"))  # no note of a place is left
    assert run_ray(images, "ray")[0].computed == 3  # tried again by the next job


def test_a_full_disk_ends_the_job(run_ray, images):
    with pytest.raises(StoreError, match="cannot write: File too large"):
        run_ray(images, "full", full)


def test_a_bug_of_the_method_fails_one_image(run_ray, images):
    report, store = run_ray(images, "bug", wrong)
    assert report.computed == 29
    assert "no attribute 'no_such_attribute' (traceback" in report.failures["03.png"]
    (error,) = store.manifest.errors.values()
    assert error.image == "03.png"
    assert "test_ray_engine.py" in error.traceback  # where it arose


def command(images, *words, **variables):
    """Run `dilo masks` on the images in another process."""
    done = subprocess.run(
        [sys.executable, "-m", "dilo", "masks", images.name, *words, "--workers", "2"],
        cwd=images.parent,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_the_command_joins_the_cluster_that_the_environment_names(cluster, images):
    status, out, error = command(images, "ray", "--engine", "ray", **cluster)
    assert status == 0, error
    assert "30 of 31 images have a map" in out
    assert command(images, "local")[0] == 0
    assert files(images.parent / "ray") == files(images.parent / "local")


@pytest.mark.slow
def test_the_command_starts_and_ends_a_cluster_of_its_own(images):
    environment = {"RAY_ADDRESS": "local", "DILO_TEST": str(images)}
    status, out, error = command(images, "ray", "--engine", "ray", **environment)
    assert status == 0, error
    assert "30 of 31 images have a map" in out
    assert processes_with(f"DILO_TEST={images}") == []
    assert sorted(path.name for path in images.parent.iterdir()) == ["images", "ray"]


def processes_with(variable):
    """Find the processes that have inherited a variable of the environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # ended meanwhile
            if variable.encode() in path.read_bytes():
                found.append((path.parent / "comm").read_text())
    return found


def test_a_wrong_address_is_told_at_once(images, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(InputError, match=rf"RAY_ADDRESS={address}: no Ray cluster"):
            run(images, "ray")


def test_a_ray_that_cannot_start_is_told(images, monkeypatch):
    def init(**options):
        raise PermissionError(13, "Permission denied", "/home")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(InputError, match=r"Ray does not start: .*Permission denied"):
        run(images, "ray")


def test_without_ray_it_says_what_to_install(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'dilo\[ray\]'"):
        import_ray()
    with pytest.raises(InputError, match=r"pip install 'dilo\[ray\]'"):
        run(images, "ray")
    assert not (images.parent / "ray").exists()
