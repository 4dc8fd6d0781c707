"""The command pretrain."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from dilo.cli.output import say
from dilo.cli.usage import FromWords, flag_value
from dilo.pretrain.config import PretrainConfig
from dilo.pretrain.recipes import recipe

# Several of one --set, and of several.
Assignments = Annotated[
    tuple[tuple[str, ...], ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(metavar="FIELD=VALUE [...]", help_behavior_hint=""),
]

PATHS = ("images", "masks", "labels", "textures", "bank")


def _recipe(words: Sequence[str]) -> PretrainConfig:
    """Give the defaults: the recipe of the objective and chain among the words."""
    objective = flag_value(words, "--objective") or "instdisc"
    config = recipe(objective, images="", chain=flag_value(words, "--chain"))
    data = dataclasses.replace(config.data, images=tyro.MISSING)
    return dataclasses.replace(config, data=data)


def pretrain(
    *,
    config: Annotated[PretrainConfig, FromWords(_recipe), tyro.conf.arg(name="")],
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
    Asked to end by SIGTERM or SIGUSR1, it saves a checkpoint first, and the status is
    143 or 138: 0 would tell a scheduler that the training is finished.

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
        config: the training.
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
