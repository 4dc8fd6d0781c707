"""The command augment-cost."""

from pathlib import Path

from dilo.cli.output import say, show_columns


def augment_cost(
    images: Path,
    masks: Path,
    /,
    arch: str = "resnet50",
    crop_size: int = 224,
    chain: str = "instdisc",
    background: str = "grey",
    textures: Path | None = None,
    bank: Path | None = None,
    views: int = 1,
    count: int = 64,
    batch_size: int | None = None,
    seed: int = 0,
) -> None:
    """Time the views of your images and a training step: which waits for the other?

    Every stage of a view is timed on one core with images from the whole folder, as
    `dilo pretrain` makes them, and a training step of the network on the device at
    hand. The last line says what will be the bottleneck, and how many workers to give.
    The step is InstDisc's; a view of MoCo costs the network a fifth to a third less.

    Examples:
        dilo augment-cost photos masks
        dilo augment-cost photos masks --arch resnet18 --crop-size 112
        dilo augment-cost photos masks --chain moco_v2 --views 2
        dilo augment-cost photos masks --background mined --bank bank

    Args:
        images: folder of photographs, at any depth.
        masks: mask store, or any folder of masks.
        arch: backbone, as for `dilo pretrain`.
        crop_size: side of the views, in pixels.
        chain: of augmentations: instdisc, moco_v1, moco_v2, or a step of the paper's
            table 1, such as table1_flip.
        background: what the foreground is pasted on; see `dilo pretrain --help`.
        textures: folder of pictures for the background texture.
        bank: folder that `dilo mine-backgrounds` made, for the background mined.
        views: of an image each time it is read: 1 for InstDisc, 2 for MoCo.
        count: images that are timed, at most.
        batch_size: of the training step; 8 on a processor, 128 on a GPU.
        seed: of the views.
    """
    from dilo.augment import CopyPasteConfig
    from dilo.pretrain.cost import CostConfig, measure_cost

    copy_paste = CopyPasteConfig(
        ramp=0.0,
        background=background,
        textures=None if textures is None else str(textures),
        bank=None if bank is None else str(bank),
    )
    config = CostConfig(
        arch=arch,
        crop_size=crop_size,
        chain=chain,
        copy_paste=copy_paste,
        views=views,
        count=count,
        batch_size=batch_size,
        seed=seed,
    )
    report = measure_cost(images, masks, config)
    stages = {**report.stages, "whole view": sum(report.stages.values())}
    rows = [
        (name, [taken, 1000 / taken])
        for name, taken in stages.items()
        if taken  # a chain may leave one out
    ]
    title = f"{report.images} images, {report.mapped} with a foreground to paste"
    show_columns(title, ["ms of one core", "views a second"], rows, digits=(2, 0))
    for reason in report.failures.values():
        say(f"left out: {reason}")
    say(report.verdict())
