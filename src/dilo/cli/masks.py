"""The command masks."""

from functools import partial
from pathlib import Path

from dilo.cli.output import say
from dilo.errors import InputError


def masks(
    images: Path,
    masks: Path,
    /,
    method: str = "rbd",
    workers: int | None = None,
) -> None:
    """Estimate the foreground map of every image of a folder, without labels.

    Writes one 8-bit PNG for each image below IMAGES (a/b.jpg gives a/b.png) and
    masks.json, which says how they were made, which maps are empty and which images
    failed. Can be stopped at any time: the same command goes on with what is missing.

    Examples:
        dilo masks photos masks
        dilo masks photos masks --method rbd --workers 4

    Args:
        images: folder of photographs, at any depth; JPEG, PNG, WebP, BMP or TIFF.
        masks: new folder for the maps, or the one of an interrupted run.
        method: saliency method: rbd (robust background detection),
            gs (geodesic saliency), mc (absorbing Markov chain) or
            consensus (the mean of the three).
        workers: processes; one for each CPU core by default.
    """
    from dilo.masks import MaskStore, compute_masks
    from dilo.saliency import METHODS, estimate

    if method not in METHODS:
        choices = ", ".join(METHODS)
        raise InputError(f"--method must be one of {choices}, got {method!r}")
    store = MaskStore.create(masks, method)
    report = compute_masks(images, store, partial(estimate, method=method), workers)
    say(report.summary())
