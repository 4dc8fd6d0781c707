"""Fill a mask store: every image of a folder through a saliency method."""

import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from dilo.cores import available_cores
from dilo.errors import InputError, StoreError
from dilo.folder import scan_images
from dilo.foreground import is_empty
from dilo.image import Map, encode_image, read_size
from dilo.masks.batched import BatchMethod, run_batched
from dilo.masks.engine import Results
from dilo.masks.job import Engine, fill_store
from dilo.masks.pool import run_pool
from dilo.masks.ray_engine import import_ray, run_ray
from dilo.masks.report import MaskReport
from dilo.masks.store import MaskStore
from dilo.masks.work import MapSource, Part, Rating, Task, check_shape
from dilo.progress import notify_if_slow

Method = Callable[[Path], Map] | BatchMethod  # the former takes the file of an image
EngineName = Literal["local", "ray"]


def compute_masks(
    images: Path,
    store: MaskStore,
    method: Method,
    workers: int | None = None,
    confidence: Callable[[Map], float] | None = None,
    engine: EngineName = "local",
) -> MaskReport:
    """Compute the map of every image below a folder that the store does not hold.

    Images that fail are named in the store and tried again by the next call. An
    interrupted or killed call loses at most the part that each worker was at: the next
    one goes on where it stopped, and the store becomes that of an undisturbed call.

    Args:
        images: folder of images, at any depth.
        store: where the maps go; see `MaskStore.create`.
        method: file of an image -> Map of the upright image's height and width; or a
            `BatchMethod`, which runs in the calling process. What it raises fails one
            image; the traceback of each kind of error is kept once in the store.
        workers: processes, each on one thread; the usable CPU cores by default. With
            1 everything runs in the calling process. Of a `BatchMethod`, the threads
            that read images and write maps.
        confidence: Map -> how much it can be trusted, in [0, 1]; NaN is kept without.
        engine: local, or ray: the cluster that the variable RAY_ADDRESS names, whose
            machines share the folders, or one on this machine. `workers` is then the
            number of processes at work at a time, all of the cluster by default.

    Raises:
        InputError: there are no images, the store lies among them, `workers` < 1, or
            there is no such engine, no Ray or no cluster.
        StoreError: another job writes into the store, a map cannot be written, not
            one image gave a map, or worker processes were killed time and again; what
            was computed is kept.
    """
    images = Path(images)
    run = _choose_engine(engine, workers, method, confidence)
    _check_apart(images, store.folder)
    names = scan_images(images)
    folder = images.absolute()  # another process may have another current folder
    source = MapSource(
        folder, partial(_estimate, folder, method), partial(_rate, confidence)
    )
    batch_size = method.batch_size if isinstance(method, BatchMethod) else 1
    report = fill_store(store, names, source, run, batch_size=batch_size)
    failures = report.failures
    if len(failures) == len(names):
        raise StoreError(
            f"{images}: none of {len(names)} images gave a map; the first, {names[0]}: "
            f"{failures[names[0]]}"
        )
    return report


def check_workers(workers: int | None) -> int:
    """Give a number of processes.

    Raises:
        InputError: it is less than 1.
    """
    if workers is None:
        return available_cores()
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    return workers


def _choose_engine(
    engine: EngineName,
    workers: int | None,
    method: Method,
    confidence: Callable[[Map], float] | None,
) -> Engine:
    """Give what does the parts, or complain before anything is written."""
    if engine not in get_args(EngineName):
        choices = ", ".join(get_args(EngineName))
        raise InputError(f"engine must be one of {choices}, got {engine!r}")
    count = check_workers(workers)
    if isinstance(method, BatchMethod):
        if engine == "ray":
            raise InputError(
                "the engine ray is for methods of one image; this one takes batches "
                "and runs in one process: use the engine local"
            )
        return partial(run_batched, method=method, threads=count)
    if engine == "ray":
        import_ray()
        return partial(run_ray, workers=workers)

    def run(task: Task, parts: Iterable[Part]) -> Results:
        if count > 1:
            _warm(method, confidence)
        return run_pool(task, parts, workers=count)

    return run


def _warm(
    method: Callable[[Path], Map], confidence: Callable[[Map], float] | None
) -> None:
    """Compile the kernels, or load them from the cache, before processes are forked."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    message = "compiling for this processor: half a minute, and only once ..."
    with notify_if_slow(message), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.png"
        path.write_bytes(encode_image(noise))
        with suppress(Exception):  # the images themselves will show what is wrong
            _rate(confidence, "", method(path))


def _estimate(folder: Path, method: Method, name: str) -> Map:
    assert not isinstance(method, BatchMethod)
    saliency = method(folder / name)
    check_shape(saliency, read_size(folder / name))
    return saliency


def _rate(
    confidence: Callable[[Map], float] | None, name: str, saliency: Map
) -> Rating:
    value = float("nan") if confidence is None else float(confidence(saliency))
    return Rating(value, is_empty(saliency, value))


def _check_apart(images: Path, folder: Path) -> None:
    """Maps below the images would be taken for images by the next call."""
    if folder.resolve().is_relative_to(images.resolve()):
        raise InputError(
            f"{folder}: lies within the folder of images {images}; "
            f"give a folder outside it for the maps"
        )
