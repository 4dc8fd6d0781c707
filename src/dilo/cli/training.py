"""Commands that train: demo, pretrain."""

from pathlib import Path
from typing import Literal

from dilo.cli.output import say, show_columns


def demo(out: Path = Path("dilo-demo"), seed: int = 0) -> None:
    """Show the whole method on synthetic scenes: about five minutes on two cores.

    Makes scenes whose background often goes with the object, computes RBD masks, trains
    a baseline and two copy-paste models side by side, scores them, and writes a page
    with pictures: report.html. Called again, it goes on where it stopped.

    Examples:
        dilo demo
        dilo demo --out /tmp/demo --seed 1

    Args:
        out: folder for everything that the demo makes.
        seed: of the scenes and of the trainings.
    """
    from dilo.experiments.demo import DemoConfig
    from dilo.experiments.demo import demo as run_demo

    result = run_demo(out, DemoConfig(seed=seed))
    scores = {name: model.percentages() for name, model in result.results.items()}
    rows = [
        (score, [of_model[score] for of_model in scores.values()])
        for score in next(iter(scores.values()))
    ]
    show_columns("percent", list(scores), rows, digits=1)
    say(f"report: {result.page.resolve()}")


def pretrain(
    images: Path,
    /,
    out: Path,
    masks: Path | None = None,
    objective: str = "instdisc",
    arch: str = "resnet50",
    small_stem: bool = False,
    epochs: int = 200,
    batch_size: int = 256,
    crop_size: int = 224,
    cache_size: int | None = None,
    lr: float = 0.03,
    schedule: Literal["step", "cosine"] = "step",
    temperature: float = 0.07,
    negatives: int = 4096,
    probability: float = 0.5,
    ramp: float = 0.4,
    background: str = "grey",
    textures: Path | None = None,
    bank: Path | None = None,
    blending: str = "mix",
    blur: float = 5 / 375,
    alpha_low: float = 0.1,
    alpha_high: float = 0.4,
    shift: float = 0.0,
    max_scale: float = 1.0,
    min_cover: float = 0.0,
    missing: Literal["keep", "refuse"] = "keep",
    seed: int = 0,
    workers: int = 4,
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto",
    set: tuple[str, ...] = (),
) -> None:
    """Pretrain a backbone on a folder of unlabelled images.

    With --masks the foreground is pasted on other backgrounds (copy-paste); without it
    this is the baseline. Can be stopped at any time: the same command goes on from the
    last checkpoint. The defaults are the paper's recipe for ResNet-50 on ImageNet,
    but for how maps are pasted: there, --ramp 0 --alpha-low 0 --alpha-high 1 is the
    paper.

    Examples:
        dilo pretrain photos --out runs/baseline
        dilo masks photos masks
        dilo pretrain photos --masks masks --out runs/dilo
        dilo pretrain photos --masks masks --out runs/small --arch resnet18 \
--crop-size 112 --cache-size 144 --batch-size 128 --schedule cosine

    Args:
        images: folder of photographs, at any depth.
        out: run folder: new, or the one of an interrupted pretraining.
        masks: mask store that `dilo masks` made, or any folder of masks.
        objective: what is minimised: instdisc.
        arch: backbone: resnet18, resnet50, conv6 or conv7 (small and fast).
        small_stem: let the network start at full resolution, for crops below 64 px.
        epochs: passes over the images.
        batch_size: images of a step, of all processes together.
        crop_size: side of the training views, in pixels.
        cache_size: keep all images in memory, reduced to this short side.
        lr: learning rate at the start.
        schedule: step (a tenth at 60 % and 80 % of the epochs) or cosine.
        temperature: similarities are divided by it; smaller is sharper.
        negatives: other images that each is compared with; all where there are fewer.
        probability: of pasting, for every view of an image that has a map; else the
            original is kept.
        ramp: share of the training in which the probability rises from 0.
        background: what the foreground is pasted on: grey (of random level), texture
            (--textures), procedural (painted textures), mined (--bank), border (the
            image's own, tiled), painted_out (another image without its object), or
            other (another image).
        textures: folder of pictures, at any depth, for --background texture.
        bank: folder that `dilo mine-backgrounds` made, for --background mined.
        blending: of the pasted edge: none, gaussian, or mix (each half the time).
        blur: sigma of the gaussian, as a share of the image's short side.
        alpha_low: map values up to this become transparent.
        alpha_high: map values from this on become opaque; 0 and 1 keep the raw map.
        shift: move the object by up to this share of the view, in each direction.
        max_scale: scale the object by up to this factor, up or down.
        min_cover: least share of the object that a crop shows, where it can.
        missing: images without a foreground map: keep (as they are, and counted), or
            refuse.
        seed: of weights, order, crops and everything else that is random.
        workers: processes that make views; 0 makes them in the training process.
        precision: 32-true, bf16-mixed, or auto: bf16 where the hardware is fast at it.
        set: other fields of the config, as field=value, e.g. view.min_area=0.3.
    """
    from dilo.augment import CopyPasteConfig, ViewConfig
    from dilo.config import override
    from dilo.pretrain import PretrainConfig
    from dilo.pretrain import pretrain as run_pretraining

    copy_paste = CopyPasteConfig(
        probability=probability,
        ramp=ramp,
        background=background,
        textures=None if textures is None else str(textures.resolve()),
        bank=None if bank is None else str(bank.resolve()),
        blending=blending,
        blur=blur,
        alpha_low=alpha_low,
        alpha_high=alpha_high,
        shift=shift,
        max_scale=max_scale,
        min_cover=min_cover,
        missing=missing,
    )
    config = PretrainConfig(
        # Absolute, so that the run can be continued from any folder.
        images=str(images.resolve()),
        masks=None if masks is None else str(masks.resolve()),
        objective=objective,
        arch=arch,
        small_stem=small_stem,
        epochs=epochs,
        batch_size=batch_size,
        crop_size=crop_size,
        cache_size=cache_size,
        lr=lr,
        schedule=schedule,
        temperature=temperature,
        negatives=negatives,
        view=ViewConfig(copy_paste=copy_paste),
        seed=seed,
        workers=workers,
        precision=precision,
    )
    report = run_pretraining(override(config, set), out)
    say(report.summary())
