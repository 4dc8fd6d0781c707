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
    labels: Path | None = None,
    knn: tuple[Path, Path] | None = None,
    knn_epochs: int = 10,
    objective: str = "instdisc",
    arch: str = "resnet50",
    small_stem: bool = False,
    epochs: int | None = None,
    batch_size: int | None = None,
    accumulate: int = 1,
    crop_size: int = 224,
    cache_size: int | None = None,
    lr: float | None = None,
    schedule: Literal["step", "cosine"] | None = None,
    temperature: float | None = None,
    negatives: int | None = None,
    chain: str | None = None,
    probability: float | None = None,
    ramp: float = 0.4,
    background: str = "grey",
    textures: Path | None = None,
    bank: Path | None = None,
    blending: str = "mix",
    blur: float = 0.0133,
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
    """Pretrain a backbone on unlabelled images.

    With --masks the foreground is pasted on other backgrounds (copy-paste); without it
    this is the baseline. Can be stopped at any time: the same command goes on from the
    last checkpoint. Started by torchrun or SLURM, all their processes train together.
    Asked to end by SIGTERM or SIGUSR1, it saves a checkpoint first, and the status is
    143 or 138: 0 would tell a scheduler that the training is finished.

    What is not given is as it was published for the objective on ImageNet, but for how
    maps are pasted: there, --ramp 0 --alpha-low 0 --alpha-high 1 is the paper.

    Examples:
        dilo pretrain photos --out runs/baseline
        dilo masks photos masks
        dilo pretrain photos --masks masks --out runs/dilo
        dilo pretrain "shards-{000..099}.tar" --out runs/shards --knn train val
        dilo pretrain photos --masks masks --out runs/small --arch resnet18 \
--crop-size 112 --cache-size 144 --batch-size 128 --schedule cosine

    Args:
        images: folder of photographs, at any depth; a CSV whose column file lists them;
            or WebDataset shards: a .tar file, a folder of them, or "x-{000..099}.tar".
        out: run folder: new, or the one of an interrupted pretraining.
        masks: mask store that `dilo masks` made, or any folder of masks; or the same
            shards again, where masks lie in them as KEY.mask.png beside KEY.jpg.
        labels: class folders or a CSV of file,label, for --objective supervised.
        knn: follow the kNN accuracy: labelled images that vote, and others that are
            classified; each class folders or a CSV of file,label. Nothing is learned
            from them.
        knn_epochs: how often that is measured; it is at the end, too.
        objective: what is minimised: instdisc, instdisc_nce, moco_v1, moco_v2,
            rotation, colorization, deepcluster, local_aggregation, or supervised.
        arch: backbone: alexnet, vgg16, resnet18, resnet50, resnet50w2, conv6 or conv7
            (small and fast), or a network of a library: timm/NAME, torchvision/NAME.
        small_stem: let the network start at full resolution, for crops below 64 px.
        epochs: passes over the images: published 200, rotation 50, supervised 90.
        batch_size: images of a step, of all processes and micro-batches together:
            published 256, rotation 192, local_aggregation 128.
        accumulate: micro-batches of a step in each process, where a batch is too large
            for the memory.
        crop_size: side of the training views, in pixels.
        cache_size: keep all images in memory, reduced to this short side.
        lr: learning rate at the start, of the published batch size; for batches of
            another size, change both in proportion: published 0.03, rotation 0.1,
            colorization 3e-05, deepcluster 0.05, supervised 0.1.
        schedule: step (a tenth at certain epochs) or cosine: published step, moco_v2
            cosine.
        temperature: similarities are divided by it; smaller is sharper: published 0.07,
            moco_v2 0.2.
        negatives: other images that each is compared with, for moco the length of the
            queue; all where there are fewer: published 4096, moco_v1 65536, moco_v2
            65536.
        chain: how views are cropped and recoloured: instdisc, moco_v1, moco_v2, or
            table1_centre_crop, _flip, _spatial_crop, _scale_crop, _colour_jitter or
            _grey; by default as published for the objective.
        probability: of pasting, for every view of an image that has a map; else the
            original is kept: published 0.5, moco_v1 0.3, moco_v2 0.3.
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
    from dilo.config import override
    from dilo.experiments.monitoring import knn_every
    from dilo.pretrain import pretrain as run_pretraining
    from dilo.pretrain import recipe
    from dilo.training.processes import is_first

    given = {
        # Absolute, so that the run can be continued from any folder.
        "images": _absolute(images),
        "masks": _absolute(masks),
        "labels": _absolute(labels),
        "arch": arch,
        "small_stem": small_stem,
        "epochs": epochs,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "crop_size": crop_size,
        "cache_size": cache_size,
        "lr": lr,
        "schedule": schedule,
        "temperature": temperature,
        "negatives": negatives,
        "seed": seed,
        "workers": workers,
        "precision": precision,
    }
    pasting = {
        "probability": probability,
        "ramp": ramp,
        "background": background,
        "textures": _absolute(textures),
        "bank": _absolute(bank),
        "blending": blending,
        "blur": blur,
        "alpha_low": alpha_low,
        "alpha_high": alpha_high,
        "shift": shift,
        "max_scale": max_scale,
        "min_cover": min_cover,
        "missing": missing,
    }
    given |= {f"view.copy_paste.{name}": value for name, value in pasting.items()}
    told = {name: value for name, value in given.items() if value is not None}
    config = override(recipe(objective, chain=chain, **told), set)
    follow = None if knn is None else knn_every(*knn, epochs=knn_epochs)
    report = run_pretraining(config, out, after_epoch=follow)
    if is_first():  # of several processes
        say(report.summary())


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
