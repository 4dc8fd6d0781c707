"""What a training looks at before its first step, and notes of this sitting."""

from collections.abc import Mapping
from typing import Any

from dilo.data.sampler import steps_per_epoch
from dilo.errors import InputError
from dilo.progress import notify
from dilo.runs import Run
from dilo.training.config import LoopConfig
from dilo.training.data_identity import check_data, name_images
from dilo.training.loader import MapDataset
from dilo.training.worker_memory import check_shared_memory


def check_start(
    run: Run,
    dataset: MapDataset,
    origin: Mapping[str, Any],
    loop: LoopConfig,
    processes: int,
) -> dict[str, Any]:
    """Check, on every process, that a training can start or go on; nothing is written.

    Args:
        run: where it would lie.
        dataset: what it reads.
        origin: where what the data set gives beside images comes from.
        loop: its batches and workers.
        processes: that share a batch.

    Returns:
        What the data are, for the note of this sitting.

    Raises:
        InputError: there are too few images, or too little room for those of workers.
        RunError: the run was trained on other data.
    """
    images = len(dataset.names)
    if not steps_per_epoch(images, loop.batch_size, processes):
        raise InputError(
            f"{images} images in batches of {loop.batch_size} leave {processes} "
            "processes less than two images each, which batch norm needs"
        )
    data = {**name_images(dataset.names), **origin}
    if not loop.other_data:
        check_data(run, data)
    share = min(loop.batch_size, images) // processes
    check_shared_memory(getattr(dataset, "item_bytes", 0) * share, loop.workers)
    return data


def note_sitting(
    run: Run, config: Any, images: int, facts: Mapping[str, Any], batch_size: int
) -> None:
    """Write config and environment; say what is unusual, and what is so since before.

    Args:
        run: it holds the locks of its folder.
        config: of the run.
        images: of an epoch.
        facts: of this sitting, ready for JSON.
        batch_size: images of a step, if there are as many.
    """
    name = run.folder.name
    before = run.environments[-1].get("processes") if run.environments else None
    if before not in (None, facts["processes"]):
        notify(
            f"{name}: continued on {facts['processes']} processes instead of {before}: "
            "batch norm averages over other groups of images from here on"
        )
    if batch_size > images:
        notify(
            f"{name}: batches of {batch_size}, but {images} images: each step takes "
            f"all {images}, an epoch is one step"
        )
    Run.create(run.folder, config, facts)
