import errno
import os
import signal
import time

import numpy as np
import PIL.Image
import pytest

import dilo.masks.work
from dilo.errors import InputError, StoreError
from dilo.image import read_image
from dilo.masks import MaskStore, compute_masks
from dilo.saliency.confidence import confidence, is_empty


def brightness(path):
    return bright(read_image(path))


def bright(image):
    return image.max(axis=2).astype(np.float32) / np.float32(255)


def by_image(method):
    """Estimate by a method that takes an Image."""
    return lambda path: method(read_image(path))


def write_image(path, value=255, shape=(4, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.full((*shape, 3), value, np.uint8)).save(path)


@pytest.fixture
def images(tmp_path):
    """Twenty images; the brightness of image k is 10 k + 20."""
    for k in range(20):
        write_image(tmp_path / "images" / f"{k % 3}" / f"{k:02d}.png", 10 * k + 20)
    return tmp_path / "images"


@pytest.fixture
def store(tmp_path):
    return MaskStore.create(tmp_path / "masks", "brightness")


@pytest.mark.parametrize("workers", [1, 2])
def test_every_image_gets_its_map(images, store, workers):
    report = compute_masks(images, store, brightness, workers)
    assert (report.images, report.computed, report.kept) == (20, 20, 0)
    assert report.failures == {}
    assert report.empty == 11  # those darker than half
    store = MaskStore.open(store.folder)
    assert len(store) == 20
    for k in range(20):
        saliency = store[f"{k % 3}/{k:02d}.png"]
        assert saliency.shape == (4, 6)
        np.testing.assert_allclose(saliency, (10 * k + 20) / 255, atol=1e-6)
    assert store.is_empty("0/00.png")
    assert not list(store.folder.rglob("*.partial"))


def test_results_do_not_depend_on_the_worker_count(images, tmp_path):
    for workers in (1, 2, 3):
        store = MaskStore.create(tmp_path / f"{workers}", "brightness")
        compute_masks(images, store, brightness, workers)
    trees = [
        {
            path.relative_to(tmp_path / f"{workers}"): path.read_bytes()
            for path in (tmp_path / f"{workers}").rglob("*.*")
        }
        for workers in (1, 2, 3)
    ]
    assert trees[0] == trees[1] == trees[2]


def test_run_again_computes_only_what_is_missing(images, store):
    compute_masks(images, store, brightness, 1)
    store.path("0/00.png").unlink()
    write_image(images / "new.png")
    seen = []
    store = MaskStore.create(store.folder, "brightness")
    report = compute_masks(
        images, store, lambda path: seen.append(1) or brightness(path), 1
    )
    assert (report.computed, report.kept, len(seen)) == (2, 19, 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_images_are_named_and_counted(images, store, workers):
    (images / "empty.jpg").touch()
    (images / "text.jpg").write_text("no image")
    write_image(images / "odd.png", shape=(3, 3))

    def method(image):
        if image.shape[0] == 3:
            raise ZeroDivisionError("no superpixel")
        return bright(image)

    report = compute_masks(images, store, by_image(method), workers)
    assert report.failures == {
        "empty.jpg": "the file is empty",
        "odd.png": "ZeroDivisionError: no superpixel (traceback in masks.json)",
        "text.jpg": "not an image of a kind we can read",
    }
    assert report.computed == 20
    for text in ("20 of 23 images", "3 failed", "empty.jpg: the file is", "run again"):
        assert text in report.summary()
    (images / "empty.jpg").unlink()
    write_image(images / "text.jpg")
    report = compute_masks(images, store, by_image(method), workers)
    assert list(report.failures) == ["odd.png"]
    assert (report.computed, report.kept) == (1, 20)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (np.zeros((1, 2), np.float32), r"map of shape \(1, 2\) for an image of shape"),
        (np.zeros((4, 6)), "a map is float32"),
        (np.full((4, 6), np.nan, np.float32), r"a map lies in \[0, 1\]"),
    ],
)
def test_a_method_that_gives_no_map_is_told(images, store, result, reason):
    with pytest.raises(StoreError, match=rf"none of 20 images gave a map.*{reason}"):
        compute_masks(images, store, lambda path: result, 1)
    assert len(MaskStore.open(store.folder).failures) == 20


def test_a_map_has_the_size_of_the_upright_image(tmp_path, store):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    (tmp_path / "images").mkdir()
    PIL.Image.new("RGB", (8, 5)).save(tmp_path / "images/a.jpg", exif=exif)
    compute_masks(tmp_path / "images", store, brightness, 1)
    assert store["a.jpg"].shape == (8, 5)


def test_an_image_that_kills_its_worker_is_a_named_failure(images, store):
    def method(image):
        if image[0, 0, 0] == 50:
            os.kill(os.getpid(), signal.SIGKILL)
        return bright(image)

    report = compute_masks(images, store, by_image(method), 2)
    assert list(report.failures) == ["0/03.png"]
    assert "killed" in report.failures["0/03.png"]
    assert report.computed == 19
    assert len(MaskStore.open(store.folder)) == 19


def test_a_worker_killed_from_outside_loses_nothing(images, store, tmp_path):
    def method(image):
        if image[0, 0, 0] == 50 and not (tmp_path / "once").exists():
            (tmp_path / "once").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return bright(image)

    report = compute_masks(images, store, by_image(method), 2)
    assert (report.computed, report.failures) == (20, {})


def test_an_interrupt_keeps_what_is_done(images, store):
    seen = []

    def method(image):
        seen.append(1)
        if len(seen) == 8:
            raise KeyboardInterrupt
        return bright(image)

    with pytest.raises(KeyboardInterrupt):
        compute_masks(images, store, by_image(method), 1)
    assert not list(store.folder.rglob("*.partial"))
    assert compute_masks(images, store, brightness, 1).kept == 7


def test_an_interrupt_does_not_wait_for_the_workers(images, store):
    # Whoever starts the tests in the background may have had Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    job = os.getpid()

    def method(image):
        if image.shape == (4, 6, 3):  # not the warm-up
            os.kill(job, signal.SIGINT)
            time.sleep(60)
        return bright(image)

    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            compute_masks(images, store, by_image(method), 2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 20
    assert compute_masks(images, store, brightness, 1).computed == 20


def test_maps_of_a_killed_job_are_taken_without_computing(images, store):
    compute_masks(images, store, brightness, 1)
    for part in store.folder.glob("part-*.arrow"):
        part.unlink()
    store.path("1/01.png").write_bytes(b"")  # power was lost before it reached the disk
    seen = []
    again = MaskStore.create(store.folder, "brightness")
    report = compute_masks(
        images, again, lambda path: seen.append(1) or brightness(path), 1
    )
    assert len(seen) == 1
    assert report.empty == 11
    assert len(again) == 20


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_clear_error(images, store, monkeypatch, workers):
    write = dilo.masks.work.write_atomic

    def full(path, content, **options):
        if path.name == "07.png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        write(path, content, **options)

    monkeypatch.setattr(dilo.masks.work, "write_atomic", full)
    with pytest.raises(StoreError, match=r"No space left on device; .* run again"):
        compute_masks(images, store, brightness, workers)
    monkeypatch.undo()
    MaskStore.open(store.folder)
    again = MaskStore.create(store.folder, "brightness")
    compute_masks(images, again, brightness, workers)
    assert len(MaskStore.open(store.folder)) == 20


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_method_raises_fails_one_image_and_is_kept_once(
    images, store, workers, capsys
):
    def method(image):
        if image[0, 0, 0] in (40, 60, 150):
            return [][7]
        if image[0, 0, 0] == 200:
            raise ValueError("odd number")
        return bright(image)

    report = compute_masks(images, store, by_image(method), workers)
    assert report.computed == 16
    reason = "IndexError: list index out of range (traceback in masks.json)"
    assert [report.failures[f"{k % 3}/{k:02d}.png"] for k in (2, 4, 13)] == [reason] * 3
    index, value = sorted(report.errors.items())
    assert index[0].startswith("IndexError in test_compute.py:")
    assert index[1].image == "1/04.png"  # the first by name
    assert "return [][7]" in index[1].traceback
    assert value[1].image == "0/18.png"
    assert index[1].traceback in report.summary() + "\n"
    assert MaskStore.open(store.folder).manifest.errors == report.errors
    assert capsys.readouterr().err.count("IndexError") == 1
    report = compute_masks(images, store, brightness, workers)
    assert (report.computed, report.failures, report.errors) == (4, {}, {})
    assert MaskStore.open(store.folder).manifest.errors == {}


def test_a_confidence_that_fails_is_an_error_of_the_method(images, store):
    def confidence(saliency):
        return 1 / round(float(saliency.max()) * 255 - 50)

    report = compute_masks(images, store, brightness, 1, confidence)
    assert list(report.failures) == ["0/03.png"]
    assert not store.path("0/03.png").exists()


def test_the_store_must_not_lie_among_the_images(images, tmp_path):
    for folder in (images, images / "masks"):
        store = MaskStore.create(tmp_path / "m", "x")
        store.folder = folder
        with pytest.raises(InputError, match="lies within the folder of images"):
            compute_masks(images, store, brightness, 1)


def test_bad_input_writes_nothing(tmp_path, images, store):
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        compute_masks(images, store, brightness, 0)
    with pytest.raises(InputError, match="not a folder"):
        compute_masks(tmp_path / "none", store, brightness, 1)
    assert not store.folder.exists()


def test_workers_end_with_their_parent(images, store, tmp_path):
    """A SIGKILL of the job leaves no process behind."""
    parent = os.fork()
    if parent == 0:

        def method(image):
            if image.shape == (4, 6, 3):  # not the warm-up
                (tmp_path / f"pid-{os.getpid()}").touch()
                time.sleep(60)
            return bright(image)

        compute_masks(images, store, by_image(method), 2)
        os._exit(0)
    deadline = time.monotonic() + 20
    while len(list(tmp_path.glob("pid-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    assert len(pids) == 2
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_alive, pids))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().split(") ")[-1][0] != "Z"


def test_confidence_is_kept_and_tells_what_is_empty(images, store):
    def confidence(saliency):
        return float(saliency.mean())

    report = compute_masks(images, store, brightness, 2, confidence)
    store = MaskStore.open(store.folder)
    assert store.confidence("0/15.png") == pytest.approx(170 / 255)
    assert report.doubtful == 0  # the dark ones are empty anyway
    other = MaskStore.create(store.folder.with_name("other"), "brightness")
    report = compute_masks(images, other, brightness, 1, lambda saliency: 0.1)
    assert report.empty == 20  # nothing in them can be trusted
    other = MaskStore.create(store.folder.with_name("third"), "brightness")
    report = compute_masks(images, other, brightness, 1, lambda saliency: 0.2)
    assert (report.empty, report.doubtful) == (11, 9)
    assert "9 (45.0%) of low confidence" in report.summary()


def test_the_rule_of_emptiness_is_that_of_the_confidence(tmp_path):
    rng = np.random.default_rng(0)
    store = MaskStore.create(tmp_path / "masks", "toy")
    maps = []
    for _ in range(20):
        noise = rng.random((30, 40), np.float32) ** np.float32(rng.integers(1, 9))
        blob = np.zeros((30, 40), np.float32)
        blob[5:20, 5:30] = rng.random()
        maps += [noise, blob, np.maximum(noise, blob)]
    maps = {f"{k:02d}.png": np.rint(maps[k] * 255) / np.float32(255) for k in range(60)}
    for name in maps:
        write_image(tmp_path / "images" / name, shape=(30, 40))
    compute_masks(
        tmp_path / "images", store, lambda path: maps[path.name], 1, confidence
    )
    assert set(filter(store.is_empty, store.names())) == {
        name for name in maps if is_empty(maps[name])
    }


@pytest.mark.parametrize("layout", ["png", "arrow"])
def test_the_map_of_a_replaced_image_is_made_again(images, tmp_path, layout, caplog):
    caplog.set_level("INFO", "dilo")
    store = MaskStore.create(tmp_path / "masks", "brightness", layout=layout)
    compute_masks(images, store, brightness, 1)
    write_image(images / "0/00.png", 255, shape=(8, 5))
    write_image(images / "1/01.png", 30)
    for name in ("0/00.png", "1/01.png"):  # a copy is new, and all the same
        later = time.time() + 60
        os.utime(images / name, (later, later))
    report = compute_masks(images, store, brightness, 1)
    assert (report.computed, report.kept) == (1, 19)
    replaced = MaskStore.open(store.folder)
    np.testing.assert_allclose(replaced["0/00.png"], np.ones((8, 5)))
    assert len(replaced) == 20
    assert "1 images, such as 0/00.png, have another size" in caplog.text
    assert "1 images are newer than their maps" in caplog.text
    later = time.time() + 120
    for part in store.folder.glob("part-*.arrow"):
        os.utime(part, (later, later))
    caplog.clear()
    assert compute_masks(images, store, brightness, 1).computed == 0
    assert not caplog.messages
