"""The page that `dilo demo` writes."""

from collections.abc import Mapping, Sequence

import numpy as np

from dilo.augment import BACKGROUNDS, CopyPasteConfig, composite, map_to_alpha
from dilo.augment.background_sources import NO_SOURCES
from dilo.config import from_dict
from dilo.experiments.evaluation import Evaluation, SceneSet
from dilo.image import read_image
from dilo.masks import MaskStore
from dilo.report.chart import Chart
from dilo.report.compare import Album, gradient_gallery, neighbour_gallery
from dilo.report.page import (
    Block,
    Curves,
    Gallery,
    Measured,
    Picture,
    Report,
    Section,
    Table,
)
from dilo.report.pictures import grey
from dilo.runs import Run

EXAMPLES = 8  # scenes shown with map and composite
SHOWN = 10  # scenes shown with neighbours and gradients
COMPARED = ("baseline", "RBD masks")  # side by side; exact masks are only in the table


def demo_report(
    sets: Mapping[str, SceneSet],
    store: MaskStore,
    runs: Mapping[str, Run],
    results: Mapping[str, Evaluation],
) -> Report:
    """Put together examples, curves, scores, neighbours and gradient maps."""
    run, swapped = runs["RBD masks"], sets["swapped"]
    config = from_dict(CopyPasteConfig, run.field("copy_paste"))
    crop_size = run.field("crop_size")
    album = _album(swapped, crop_size, range(len(swapped.images)))
    features = {name: results[name].swapped for name in COMPARED}
    maps = {name: list(results[name].gradients) for name in COMPARED}
    mapped = _album(swapped, crop_size, range(len(maps["baseline"])))
    blocks: list[Block] = [
        score_table(results),
        _examples(sets["train"], store, config),
        _curves(runs),
        neighbour_gallery(album, features, count=SHOWN),
        gradient_gallery(mapped, maps, count=SHOWN),
    ]
    return Report(
        title="A model that looks at the object",
        summary=_summary(results),
        sections=[
            Section(heading=heading, text=text, blocks=[block])
            for (heading, text), block in zip(_TEXTS.items(), blocks, strict=True)
        ],
    )


def score_table(results: Mapping[str, Evaluation]) -> Table:
    """Lay out the scores of every model, in percent."""
    first = next(iter(results.values()))
    chance = first.retrieval.chance
    return Table(
        header=("training", *first.percentages()),
        rows=[
            (name, *(_cell(*score) for score in result.percentages().items()))
            for name, result in results.items()
        ],
        caption="Percent; the best of a column is marked.",
        note=(
            f"Chance: {100 * chance.same_background:.1f} % of all pairs of swapped "
            f"scenes share the kind of background, {100 * chance.same_class:.1f} % "
            f"the class. The object covers {100 * first.energy.mean_area:.0f} % of the "
            "view."
        ),
    )


def _cell(score: str, value: float) -> Measured:
    return Measured(mean=value, better="low" if "background" in score else "high")


def _summary(results: Mapping[str, Evaluation]) -> str:
    before, ours = results["baseline"], results["RBD masks"]
    return (
        "Three small networks were trained without labels on the same scenes, for the "
        "same number of steps. In seven scenes of ten the background goes with the "
        "object, as water goes with fish. The baseline sees the scenes as they are. "
        "The others see the foreground pasted on plain grey half of the time, cut out "
        "by saliency maps that need no labels (RBD), or by exact masks.\n\n"
        "When the objects change their backgrounds, "
        f"{100 * before.knn_swapped:.0f} % of them are still recognised by the "
        f"baseline's nearest neighbours and {100 * ours.knn_swapped:.0f} % by those of "
        "the network that was trained with RBD masks."
    )


_TEXTS = {
    "Scores": (
        "kNN and linear: accuracy on new scenes, from the frozen features. Swapped: "
        "the same objects before a background of any kind, the classifiers unchanged. "
        "Neighbours: of each swapped scene among the others. Gradient: share of the "
        "pixel gradient of the true class's score that lies on the object."
    ),
    "What the network is shown": (
        "A scene, its RBD map, and what copy-paste makes of it; below, with the exact "
        "mask."
    ),
    "Training": (
        "The loss of telling every scene from all others. Pasted scenes are harder to "
        "tell apart, so that a higher loss is no worse network: the accuracies above "
        "decide."
    ),
    "Nearest neighbours": (
        "The three most similar scenes under each network. A network that has learned "
        "the background finds the background again."
    ),
    "What the score depends on": (
        "How much each pixel bears on the linear classifier's score of the true class."
    ),
}


def _examples(scenes: SceneSet, store: MaskStore, config: CopyPasteConfig) -> Gallery:
    rng = np.random.default_rng(0)
    chosen = sorted(rng.choice(len(scenes.images), EXAMPLES, replace=False).tolist())
    masks = MaskStore.open(scenes.masks)
    rows: dict[str, list[Picture]] = {}
    for index in chosen:
        name = scenes.images.names[index]
        image = read_image(scenes.images.root / name)
        saliency = store[name.rpartition("/")[2]]
        exact = masks[name.rpartition("/")[2]]
        alpha, size = map_to_alpha(saliency, config), image.shape[:2]
        make_background = BACKGROUNDS[config.background]
        background = make_background(rng, size, image, alpha, NO_SOURCES)
        shown = {
            "scene": image,
            "RBD map": grey(saliency),
            "pasted": composite(image, alpha, background),
            "exact mask": composite(image, exact, background),
        }
        for label, picture in shown.items():
            rows.setdefault(label, []).append(Picture(image=picture))
    return Gallery(
        rows=list(rows.values()),
        labels=list(rows),
        caption=f"{EXAMPLES} of {len(scenes.images)} scenes, drawn at random.",
    )


def _curves(runs: Mapping[str, Run]) -> Curves:
    # The first line is of a bank still at random, far off the scale of the others.
    metrics = {name: run.losses[1:] or run.losses for name, run in runs.items()}
    level = next(iter(metrics.values()))[-1]["chance_level"]

    def chart(title: str, field: str, level: tuple[str, float] | None) -> Chart:
        lines = {
            name: ([line["epoch"] for line in logged], [line[field] for line in logged])
            for name, logged in metrics.items()
        }
        return Chart(title=title, x_label="epoch", lines=lines, level=level)

    return Curves(
        charts=[
            chart("loss", "loss", ("chance level", level)),
            chart("learning rate", "lr", None),
        ]
    )


def _album(scenes: SceneSet, crop_size: int, rows: Sequence[int]) -> Album:
    return Album(
        images=scenes.views(crop_size, rows),
        labels=scenes.images.labels[np.asarray(rows)],
        classes=scenes.images.classes,
        backgrounds=scenes.backgrounds.numpy()[np.asarray(rows)],
        masks=list(scenes.mask_views(crop_size, rows)),
    )
