"""The command score."""

from pathlib import Path

from dilo.cli.output import say, show_scores


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
