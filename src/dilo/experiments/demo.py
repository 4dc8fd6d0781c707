"""`dilo demo`: the whole path on synthetic scenes, from pictures to a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dilo.config import replace
from dilo.data.synthetic import SceneConfig, write_scenes
from dilo.experiments.demo_report import demo_report
from dilo.experiments.evaluation import Evaluation, evaluate_backbone, read_scenes
from dilo.experiments.runner import train_all
from dilo.files import write_atomic
from dilo.masks import MaskStore, compute_masks
from dilo.models.weights import load_backbone
from dilo.pretrain import PretrainConfig
from dilo.pretrain.recipes import recipe
from dilo.report.page import render
from dilo.runs import Run
from dilo.saliency import estimate
from dilo.saliency.confidence import confidence

SCENE_SIZE = 48  # pixels


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """How large the demo is; the defaults take about five minutes on two cores."""

    train: int = 2000  # scenes
    val: int = 1000
    epochs: int = 100
    seed: int = 0
    # In nature objects have their places: fish are in water, bees on meadows. Seven of
    # ten scenes are so here, and a model can take the place for the object.
    correlation: float = 0.7


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What the demo found, and where it wrote it."""

    page: Path
    results: Mapping[str, Evaluation]  # by the name of the model


def demo(out: Path, config: DemoConfig | None = None) -> Demo:
    """Make scenes and masks, train three models, score them, and write a report.

    Called again after an interruption, it goes on where it stopped.

    Args:
        out: folder for everything: scenes, masks, runs and report.html.
        config: sizes and seed.

    Raises:
        RunError: the folder holds a demo of another config, or a training failed.
    """
    config = config or DemoConfig()
    out = out.resolve()  # so that it can be continued from any folder
    Run.create(out, config)
    make_scenes(out / "scenes", config)
    store = MaskStore.create(out / "masks", "rbd")
    images = out / "scenes" / "train" / "images"
    compute_masks(images, store, estimate, confidence=confidence)
    runs = train_all(demo_configs(out, config), out / "runs")
    sets = read_scenes(out / "scenes")
    results = {
        name: evaluate_backbone(load_backbone(run.folder, "auto"), sets, name)
        for name, run in runs.items()
    }
    page = out / "report.html"
    html = render(demo_report(sets, store, runs, results))
    write_atomic(page, html.encode())
    return Demo(page=page, results=results)


def make_scenes(folder: Path, config: DemoConfig) -> None:
    """Write train/, natural/ (new scenes) and swapped/ (those on any background)."""
    natural = SceneConfig(
        size=SCENE_SIZE, seed=config.seed, correlation=config.correlation
    )
    write_scenes(folder / "train", natural, config.train, "train")
    write_scenes(folder / "natural", natural, config.val, "val")
    swapped = replace(natural, correlation=0.0)
    write_scenes(folder / "swapped", swapped, config.val, "val")


def demo_configs(out: Path, config: DemoConfig) -> dict[str, PretrainConfig]:
    """Give the three trainings: without masks, with RBD's, with exact ones.

    InstDisc on 2,000 scenes takes some two minutes on one CPU core. Steps matter, not
    epochs: after 300 steps nothing is learned, after 3,200 the effect is plain.
    """
    baseline = recipe(
        "instdisc",
        images=str(out / "scenes" / "train" / "images"),
        arch="conv6",
        epochs=config.epochs,
        seed=config.seed,
        batch_size=64,
        crop_size=40,
        cache_size=48,
        lr=0.06,
        schedule="cosine",
        temperature=0.1,
        negatives=1_000_000,  # all others
        workers=0,
        checkpoint_epochs=10,
    )
    exact = str(out / "scenes" / "train" / "masks")
    return {
        "baseline": baseline,
        "RBD masks": replace(baseline, masks=str(out / "masks")),
        "exact masks": replace(baseline, masks=exact),
    }
