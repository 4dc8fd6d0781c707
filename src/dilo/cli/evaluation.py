"""Commands on trained backbones: knn, linear, backgrounds."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dilo.cli.arguments import BackbonePath, Device
from dilo.cli.output import say, show_columns, show_scores
from dilo.errors import shortened

if TYPE_CHECKING:
    from dilo.evaluate.scores import Scores


def knn(
    run: BackbonePath,
    train: Path,
    val: Path,
    /,
    k: int = 200,
    temperature: float = 0.07,
    workers: int | None = None,
    device: Device = "auto",
) -> None:
    """Classify images by their nearest neighbours among the training images.

    Nothing is trained: each image of VAL takes the class that wins a vote of the most
    similar images of TRAIN. Both may be the same CSV or folder when it tells the
    splits apart.

    Examples:
        dilo knn runs/dilo photos/train photos/val
        dilo knn runs/dilo labels.csv labels.csv --k 20

    Args:
        run: the backbone.
        train: a folder for each class, or a CSV with file,label[,split].
        val: the same for the images to classify.
        k: neighbours that vote.
        temperature: the smaller, the more the nearest of them decide.
        workers: decoding threads; one for each CPU core by default, at most 8.
        device: what runs the network.
    """
    from dilo.data.labels import read_train_val
    from dilo.evaluate.knn import knn as classify
    from dilo.models.weights import load_backbone

    fitted, tested = read_train_val(train, val)
    scores = classify(
        load_backbone(run, device),
        fitted,
        tested,
        k=k,
        temperature=temperature,
        workers=workers,
    )
    _show(f"{run}: {min(k, len(fitted))} nearest neighbours", scores)


def linear(
    run: BackbonePath,
    train: Path,
    val: Path,
    /,
    protocol: Literal["fast"] = "fast",
    seed: int = 0,
    workers: int | None = None,
    device: Device = "auto",
) -> None:
    """Train a linear classifier on the fixed features of a backbone and score it.

    The protocol `fast` is logistic regression on the features of central crops; its
    penalty is chosen on training images that are held out. It takes seconds. Both
    TRAIN and VAL may be the same CSV or folder when it tells the splits apart.

    Examples:
        dilo linear runs/dilo photos/train photos/val
        dilo linear runs/dilo labels.csv labels.csv

    Args:
        run: the backbone.
        train: a folder for each class, or a CSV with file,label[,split].
        val: the same for the images to score.
        protocol: how the classifier is trained.
        seed: decides which training images choose the penalty.
        workers: decoding threads; one for each CPU core by default, at most 8.
        device: what runs the network.
    """
    from dilo.data.labels import read_train_val
    from dilo.evaluate.linear import linear as classify
    from dilo.models.weights import load_backbone

    fitted, tested = read_train_val(train, val)
    loaded = load_backbone(run, device)
    scores = classify(loaded, fitted, tested, seed=seed, workers=workers)
    _show(f"{run}: linear classifier, protocol {protocol}", scores)


def backgrounds(
    run: BackbonePath,
    images: Path,
    truth: Path,
    /,
    seed: int = 0,
    workers: int | None = None,
    device: Device = "auto",
) -> None:
    """Score a backbone when objects change their backgrounds.

    From the images of the split val and their exact masks it makes five variants
    (original, object on a background of its own class or of another class, object
    alone, background alone) and classifies each by nearest neighbours and by a linear
    classifier, both fitted on the split train as it is. The gap between own and other
    backgrounds is what the network owes to backgrounds.

    Examples:
        dilo backgrounds runs/dilo labels.csv masks
        dilo backgrounds runs/dilo photos masks

    Args:
        run: the backbone.
        images: CSV with file,label,split, or a folder with train and val in it.
        truth: folder of exact masks of the val images, of the same names up to the
            suffix; brighter than 128 of 255 is the object.
        seed: draws whose background goes where.
        workers: decoding threads; one for each CPU core by default, at most 8.
        device: what runs the network.
    """
    from dilo.data.labels import read_train_val
    from dilo.evaluate.backgrounds import background_scores
    from dilo.masks import MaskStore
    from dilo.models.weights import load_backbone

    fitted, tested = read_train_val(images, images)
    store = MaskStore.open(truth)
    scores = background_scores(
        load_backbone(run, device), fitted, tested, store, seed=seed, workers=workers
    )
    rows = [
        (variant, [knn.top1, scores.linear[variant].top1])
        for variant, knn in scores.knn.items()
    ]
    rows.append(("background gap", [scores.knn_gap, scores.linear_gap]))
    count = scores.knn["original"].images
    show_columns(f"{run}: top-1 of {count} images", ["knn", "linear"], rows)
    found, chance = scores.retrieval.found, scores.retrieval.chance
    say(
        f"Nearest neighbours of mixed_rand: {found.same_class:.1%} of the object's "
        f"class (chance {chance.same_class:.1%}), "
        f"{found.same_background:.1%} of the background's class "
        f"(chance {chance.same_background:.1%})."
    )
    _show_failures(scores.left_out)


def _show(title: str, scores: "Scores") -> None:
    rows = [
        ("top-1", scores.top1, "share of images classified rightly"),
        ("per class", scores.per_class, "mean of the accuracies of the classes"),
    ]
    show_scores(f"{title}, {scores.images} images", rows)
    _show_failures(scores.failures)


def _show_failures(failures: tuple[str, ...]) -> None:
    """Name the images that were left out, the first ones in full."""
    if not failures:
        return
    say(f"Left out: {len(failures)}")
    for line in shortened(failures, 5):
        say(f"  {line}")
