"""Commands on trained backbones: knn, linear, backgrounds, export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from dilo.cli.output import say, show_table
from dilo.errors import shortened

if TYPE_CHECKING:
    from dilo.evaluate.scores import Scores

Backbone = Annotated[
    str,
    tyro.conf.arg(
        metavar="RUN",
        help="the backbone: the folder of a finished run; or a file of weights "
        "(backbone.safetensors, or .safetensors, .pth, .pth.tar of torchvision, MoCo "
        "and others), named as NETWORK@FILE if its network is an unusual one, such as "
        "timm/convnext_tiny@model.safetensors; or torchvision/NAME or timm/NAME, with "
        "that library's weights (resnet50 alone is torchvision's); or random/NAME, "
        "untrained.",
    ),
]
Train = Annotated[
    Path,
    tyro.conf.arg(help="a folder for each class, or a CSV with file,label[,split]."),
]
Val = Annotated[
    Path, tyro.conf.arg(help="the same for the images that are classified.")
]
Workers = Annotated[
    int | None,
    tyro.conf.arg(
        help="decoding threads; one for each CPU core by default, at most 8."
    ),
]
Device = Annotated[
    str,
    tyro.conf.arg(
        help="what runs the network: auto (the GPU if there is one), cpu, cuda, "
        "cuda:1, mps, ..."
    ),
]


def knn(
    run: Backbone,
    train: Train,
    val: Val,
    /,
    k: int = 200,
    temperature: float = 0.07,
    workers: Workers = None,
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
        k: neighbours that vote.
        temperature: the smaller, the more the nearest of them decide.
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
    run: Backbone,
    train: Train,
    val: Val,
    /,
    protocol: Literal["fast"] = "fast",
    seed: int = 0,
    workers: Workers = None,
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
        protocol: how the classifier is trained.
        seed: decides which training images choose the penalty.
    """
    from dilo.data.labels import read_train_val
    from dilo.evaluate.linear import linear as classify
    from dilo.models.weights import load_backbone

    fitted, tested = read_train_val(train, val)
    loaded = load_backbone(run, device)
    scores = classify(loaded, fitted, tested, seed=seed, workers=workers)
    _show(f"{run}: linear classifier, protocol {protocol}", scores)


def backgrounds(
    run: Backbone,
    images: Path,
    truth: Path,
    /,
    seed: int = 0,
    workers: Workers = None,
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
        images: CSV with file,label,split, or a folder with train and val in it.
        truth: folder of exact masks of the val images, of the same names up to the
            suffix; brighter than 128 of 255 is the object.
        seed: draws whose background goes where.
    """
    from dilo.data.labels import read_train_val
    from dilo.evaluate.backgrounds import background_scores
    from dilo.masks import MaskStore, check_images
    from dilo.models.weights import load_backbone

    backbone = load_backbone(run, device)
    fitted, tested = read_train_val(images, images)
    store = MaskStore.open(truth)
    check_images(store, tested.root, tested.names)
    scores = background_scores(
        backbone, fitted, tested, store, seed=seed, workers=workers
    )
    rows = [
        (variant, knn.top1, scores.linear[variant].top1)
        for variant, knn in scores.knn.items()
    ]
    rows.append(("background gap", scores.knn_gap, scores.linear_gap))
    count = scores.knn["original"].images
    show_table(
        f"{run}: top-1 of {count} images",
        ["", "knn", "linear"],
        [(name, f"{knn:.4f}", f"{linear:.4f}") for name, knn, linear in rows],
    )
    found, chance = scores.retrieval.found, scores.retrieval.chance
    say(
        f"Nearest neighbours of mixed_rand: {found.same_class:.1%} of the object's "
        f"class (chance {chance.same_class:.1%}), "
        f"{found.same_background:.1%} of the background's class "
        f"(chance {chance.same_background:.1%})."
    )
    _show_failures(scores.left_out)


def export(
    run: Backbone,
    out: Path,
    /,
    *,
    to: Literal["torchvision", "timm", "moco", "detectron2"],
) -> None:
    """Write a backbone in the layout that another program loads.

    torchvision and timm: safetensors with those libraries' names of weights.

    moco: the checkpoint of MoCo's programs (module.encoder_q.*), with the run's head.

    detectron2: the pickle that R50-C4 detectors start from.

    The last two take ResNets only. Classifiers are not written. The command ends by
    printing the code that loads the file. An older file OUT is replaced.

    Examples:
        dilo export runs/dilo backbone.safetensors --to torchvision
        dilo export runs/dilo backbone.safetensors --to timm
        dilo export runs/dilo dilo.pth.tar --to moco
        dilo export runs/dilo R-50.pkl --to detectron2
        dilo export moco_v2_800ep_pretrain.pth.tar R-50.pkl --to detectron2

    Args:
        out: the file: .safetensors; for moco .pth.tar or .pth; for detectron2 .pkl.
        to: the program that is to load the file.
    """
    from dilo.models.export import export as write

    say(write(run, out, to))


def _show(title: str, scores: "Scores") -> None:
    rows = [
        ("top-1", f"{scores.top1:.4f}", "share of images classified rightly"),
        ("per class", f"{scores.per_class:.4f}", "mean of the classes' accuracies"),
    ]
    show_table(f"{title}, {scores.images} images", ["score", "value", ""], rows)
    _show_failures(scores.failures)


def _show_failures(failures: tuple[str, ...]) -> None:
    """Name the images that were left out, the first ones in full."""
    if failures:
        say(f"Left out: {len(failures)}")
    for line in shortened(failures, 5):
        say(f"  {line}")
