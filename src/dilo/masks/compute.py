"""Fill a mask store: by a saliency method, from another store, or from memory."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from dilo.cores import check_workers
from dilo.errors import InputError, StoreError
from dilo.folder import Names, scan_images
from dilo.foreground import is_empty
from dilo.image import Map, encode_image, read_size
from dilo.masks.batched import BatchMethod, run_batched
from dilo.masks.engines import import_ray, run_pool, run_ray
from dilo.masks.job import MaskReport, fill_store
from dilo.masks.manifest import Layout
from dilo.masks.parts import check_name
from dilo.masks.store import MaskStore
from dilo.masks.work import Engine, Part, Results, Task, checked
from dilo.progress import notify_if_slow

Method = Callable[[Path], Map] | BatchMethod  # the former takes the file of an image
Confidence = Callable[[Map], float]
EngineName = Literal["local", "ray"]


def compute_masks(
    images: Path,
    store: MaskStore,
    method: Method,
    workers: int | None = None,
    confidence: Confidence | None = None,
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
            that read images, and as many that write maps.
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
    run = _choose_engine(engine, workers, method)
    images, folder = Path(images), store.folder
    if folder.resolve().is_relative_to(images.resolve()):
        # Maps there would be taken for images by the next call.
        raise InputError(
            f"{folder}: lies within the folder of images {images}; "
            f"give a folder outside it for the maps"
        )
    names = scan_images(images)
    task = Task(
        images=images.absolute(),  # another process may have another current folder
        find_map=partial(_estimate, images.absolute(), method),
        rate=partial(_rate, confidence),
        folder=folder,
        layout=store.manifest.layout,
        photographs=True,
    )
    batch_size = method.batch_size if isinstance(method, BatchMethod) else 1
    report = fill_store(store, names, task, run, batch_size=batch_size)
    failures = report.failures
    if len(failures) == len(names):
        raise StoreError(
            f"{images}: none of {len(names)} images gave a map; the first, {names[0]}: "
            f"{failures[names[0]]}"
        )
    return report


def convert_store(
    masks: MaskStore, out: str | Path, layout: Layout, workers: int | None = None
) -> MaskReport:
    """Copy all maps of a store into one of another layout.

    Names, confidences, empty flags, failures and origin stay. Maps that were kept
    small are enlarged to the size of their images, and stay as coarse as they were.
    Can be stopped at any time: the same call goes on.

    Args:
        masks: a store with a manifest.
        out: a new folder, or that of a call that was stopped.
        layout: how the copies are kept.
        workers: processes; the usable CPU cores by default.

    Raises:
        InputError: the new store would lie in the old one, or the old one in it.
        StoreError: the store is a plain folder, `out` holds something else, another
            job writes into it, or it cannot be written.
    """
    out = Path(out)
    engine = partial(run_pool, workers=check_workers(workers))
    inner, outer = out.resolve(), masks.folder.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise InputError(f"{out}: overlaps with {masks.folder}; give another folder")
    store = MaskStore.create(out, layout=layout, **vars(masks.manifest.origin))
    # The rating of the map that was made, not of what is stored of it.
    rate = partial(_known_rating, masks)
    task = Task(masks.folder, masks.__getitem__, rate, out, layout)
    return fill_store(store, Names(masks.names()), task, engine, masks.failures)


def write_maps(
    store: MaskStore,
    maps: Mapping[str, Map],
    confidences: Mapping[str, float] | None = None,
    failures: Mapping[str, str] | None = None,
) -> None:
    """Add maps to a store; those that it holds already stay as they are.

    Args:
        store: made by `MaskStore.create`.
        maps: name of an image -> Map of the size of the upright image.
        confidences: name -> how much a map can be trusted, in [0, 1].
        failures: name -> why an image has no map.

    Raises:
        InputError: a name is no relative name.
        StoreError: a map is no Map, or nothing can be written.
    """
    names = Names(sorted({*store.names(), *map(check_name, maps)}))
    known = {**store.failures, **(failures or {})}
    known = {name: why for name, why in known.items() if name not in maps}

    def rate(name: str, saliency: Map) -> tuple[float, bool]:
        confidence = (confidences or {}).get(name, float("nan"))
        return confidence, is_empty(saliency, confidence)

    layout = store.manifest.layout
    task = Task(Path(), maps.__getitem__, rate, store.folder, layout)
    engine = partial(run_pool, workers=1)
    report = fill_store(store, names, task, engine, known)
    for name in maps:
        if name in report.failures:
            raise StoreError(f"{store.folder}: {name}: {report.failures[name]}")


def _choose_engine(engine: EngineName, workers: int | None, method: Method) -> Engine:
    """Give what does the parts, or complain before anything is written."""
    if engine not in get_args(EngineName):
        choices = ", ".join(get_args(EngineName))
        raise InputError(f"engine must be one of {choices}, got {engine!r}")
    count = check_workers(workers)
    if engine == "ray":
        if isinstance(method, BatchMethod):
            raise InputError(
                "the engine ray is for methods of one image; this one takes batches "
                "and runs in one process: use the engine local"
            )
        import_ray()
        return partial(run_ray, workers=workers)
    if isinstance(method, BatchMethod):
        return partial(run_batched, method=method, threads=count)
    return partial(_run_warmed_pool, workers=count)


def _run_warmed_pool(task: Task, parts: Iterable[Part], *, workers: int) -> Results:
    """Do the parts by processes that are forked when the kernels are compiled."""
    message = "compiling for this processor: half a minute, and only once ..."
    if workers > 1:
        noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
        with notify_if_slow(message), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "noise.png"
            path.write_bytes(encode_image(noise))
            with suppress(Exception):  # the images themselves will show what is wrong
                task.rate("", task.find_map(str(path)))
    return run_pool(task, parts, workers=workers)


def _estimate(folder: Path, method: Method, name: str) -> Map:
    assert not isinstance(method, BatchMethod)
    return checked(method(folder / name), read_size(folder / name))


def _rate(
    confidence: Confidence | None, name: str, saliency: Map
) -> tuple[float, bool]:
    value = float("nan") if confidence is None else float(confidence(saliency))
    return value, is_empty(saliency, value)


def _known_rating(store: MaskStore, name: str, saliency: Map) -> tuple[float, bool]:
    return store.confidence(name), store.is_empty(name)
