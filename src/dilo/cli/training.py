"""Commands whose flags are the fields of a config: pretrain, preview."""

import argparse
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from dilo.augment.chain import ViewConfig, view_chain
from dilo.cli.output import say
from dilo.cli.usage import Unnamed
from dilo.errors import InputError
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.objective_configs import OBJECTIVE_CONFIGS
from dilo.pretrain.recipes import recipe

# Several of one --set, and of several.
Assignments = Annotated[
    tuple[tuple[str, ...], ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(metavar="FIELD=VALUE [...]", help_behavior_hint=""),
]

PATHS = ("images", "masks", "labels", "textures", "bank")


def pretrain_config(words: Sequence[str]) -> PretrainConfig:
    """Give the recipe of the objective and the chain that the words name.

    Raises:
        InputError: there is no such objective or chain, or a flag among the words
            belongs to other objectives.
    """
    chosen = _chosen(words)
    config = recipe(chosen.objective, images="", chain=chosen.chain)
    for word in words:
        flag = word.partition("=")[0].replace("--no-", "--")
        owners = [
            name
            for name, kind in OBJECTIVE_CONFIGS.items()
            if flag in {f"--{field.replace('_', '-')}" for field in vars(kind())}
        ]
        if owners and chosen.objective not in owners:
            raise InputError(
                f"{flag} belongs to --objective {' or '.join(owners)}, not to "
                f"{chosen.objective} (see `dilo pretrain --help`)"
            )
    data = dataclasses.replace(config.data, images=tyro.MISSING)
    return dataclasses.replace(config, data=data)


def pretrain(
    *,
    config: Annotated[PretrainConfig, Unnamed],
    out: Path,
    objective: str = "instdisc",
    chain: str | None = None,
    knn: tuple[Path, Path] | None = None,
    knn_epochs: int = 10,
    set: Assignments = (),
) -> None:
    """Pretrain a backbone on unlabelled images.

    With --masks the foreground is pasted on other backgrounds (copy-paste); without it
    this is the baseline. Can be stopped at any time: the same command goes on from the
    last checkpoint. Started by torchrun or SLURM, all their processes train together.
    Asked to end by SIGTERM, SIGUSR1 or Ctrl-C, it saves a checkpoint first, and the
    status is 143, 138 or 130: 0 would tell a scheduler that the training is finished.

    The defaults below are those that were published for the --objective on ImageNet,
    but for how maps are pasted: there, --ramp 0 --alpha-low 0 --alpha-high 1 is the
    paper. `--objective NAME --help` shows those of another.

    Examples:
        dilo pretrain photos --out runs/baseline
        dilo masks photos masks
        dilo pretrain photos --masks masks --out runs/dilo
        dilo pretrain "shards-{000..099}.tar" --out runs/shards --knn train val
        dilo pretrain photos --out runs/small --arch resnet18 --crop-size 112
        dilo pretrain photos --masks masks --out runs/moco --objective moco_v2

    Args:
        out: run folder: a new one, or the one of an interrupted pretraining.
        objective: what is minimised: instdisc, instdisc_nce, moco_v1, moco_v2,
            rotation, colorization, deepcluster, local_aggregation, or supervised.
        chain: how views are cropped and recoloured: instdisc, moco_v1, moco_v2, or
            table1_centre_crop, _flip, _spatial_crop, _scale_crop, _colour_jitter or
            _grey; by default as published for the objective.
        knn: follow the kNN accuracy: labelled images that vote, and others that are
            classified; each class folders or a CSV of file,label. Nothing is learned
            from them.
        knn_epochs: how often that is measured; it is at the end, too.
        set: fields of the config by their names, as field=value: min_area=0.3.
    """
    from dilo.config import lookup, override, replace, to_dict
    from dilo.experiments.monitoring import knn_every
    from dilo.pretrain import pretrain as run_pretraining
    from dilo.training.processes import is_first

    config = override(config, list(itertools.chain(*set)))
    given = {name: lookup(to_dict(config), name) for name in PATHS}
    # Absolute, so that the run can be continued from any folder.
    absolute = {name: str(Path(path).resolve()) for name, path in given.items() if path}
    config = replace(config, **absolute)
    follow = None if knn is None else knn_every(*knn, epochs=knn_epochs)
    report = run_pretraining(config, out, after_epoch=follow)
    if is_first():  # of several processes
        say(report.summary())


def preview_config(words: Sequence[str]) -> ViewConfig:
    """Give the chain of views that the words name."""
    return view_chain(_chosen(words).chain or "instdisc")


def preview(
    images: Path,
    masks: Path,
    /,
    *,
    config: Annotated[ViewConfig, Unnamed],
    out: Path,
    count: int = 8,
    seed: int = 0,
    chain: str = "instdisc",
) -> None:
    """Draw a contact sheet: images, their maps, composites and training views.

    Look at it before a long training: are the maps on the objects, and do the
    composites show them? Images are drawn at random, not picked. Of an image without
    a map, or without any foreground in it, the sheet says so. The composites stand on
    every background with every blending, the views are what a network will see with
    these settings.

    Examples:
        dilo preview photos masks --out preview.png
        dilo preview photos masks --out preview.png --count 20 --alpha-low 0.2
        dilo preview photos masks --out preview.png --background mined --bank bank

    Args:
        images: folder of photographs, at any depth.
        masks: mask store, or any folder of masks.
        out: the PNG file to write.
        count: how many images are drawn.
        seed: of the choice of images, the backgrounds and the views.
        chain: how views are cropped and recoloured: instdisc, moco_v1, moco_v2, or a
            step of the paper's table 1, such as table1_flip. It sets what follows.
    """
    from dilo.masks import MaskStore
    from dilo.report.preview import PreviewConfig
    from dilo.report.preview import preview as write_preview

    settings = PreviewConfig(count=count, seed=seed, view=config)
    failures = write_preview(images, MaskStore.open(masks), out, settings)
    say(str(out))
    for reason in failures.values():
        say(f"passed over: {reason}")


def _chosen(words: Sequence[str]) -> argparse.Namespace:
    """Find the flags that decide about the defaults of the others."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--objective", nargs="?", default="instdisc", const="instdisc")
    parser.add_argument("--chain", nargs="?")
    return parser.parse_known_args(words)[0]
