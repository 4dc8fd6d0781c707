"""Commands on foreground maps: masks, score."""

from pathlib import Path

from dilo.cli.output import say, show_scores
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
        method: saliency method: rbd (robust background detection).
        workers: processes; one for each CPU core by default.
    """
    from dilo.masks import MaskStore, compute_masks
    from dilo.saliency import METHODS

    if method not in METHODS:
        choices = ", ".join(METHODS)
        raise InputError(f"--method must be one of {choices}, got {method!r}")
    store = MaskStore.create(masks, method)
    report = compute_masks(images, store, METHODS[method], workers)
    say(report.summary())


def score(masks: Path, truth: Path, /) -> None:
    """Compare maps with ground-truth masks by the field's usual numbers.

    Files belong together when their names agree up to the suffix: the map of a/b.jpg
    with the truth a/b.png.

    Examples:
        dilo masks ECSSD/images masks
        dilo score masks ECSSD/masks

    Args:
        masks: mask store, or any folder of grey maps.
        truth: folder of masks; brighter than 128 of 255 is foreground.
    """
    from dilo.masks import MaskStore, TruthPairs
    from dilo.saliency.score import score_maps

    pairs = TruthPairs(MaskStore.open(masks), MaskStore.open(truth))
    scores = score_maps(pairs)
    rows = [
        ("maxF", scores.max_f_of_average, "precision, recall averaged over images"),
        ("maxF (curve)", scores.max_f_of_curve, "F curve averaged over images"),
        ("mean F", scores.mean_f, "mean of that curve"),
        ("adaptive F", scores.adaptive_f, "at twice the mean of each map"),
        ("MAE", scores.mae, "mean absolute error; smaller is better"),
        ("S-measure", scores.s_measure, "structure"),
    ]
    show_scores(f"{masks}: {scores.count} maps against {truth}", rows)
    if pairs.unmatched():
        say(f"Not compared: {pairs.unmatched()}.")
